"""Conditions of a decision, before a database is asked for what matches them. Pure."""

from typing import Final

from gateway.errors import InvalidInput
from gateway.store.decisions import Chosen

HIGHEST: Final = 2**31 - 1
"""Number of a request or an incident."""


def check_chosen(chosen: Chosen, most: int) -> None:
    """Refuse what no database takes, before it is asked."""
    texts = chosen.event_ref, chosen.user_id, chosen.service, chosen.breach
    numbers = (chosen.incident, *chosen.numbers)
    if len(chosen.numbers) > most or any("\0" in text for text in texts):
        msg = f"a decision names at most {most} requests, in plain text"
        raise InvalidInput("query_malformed", msg, "Name fewer, or choose by event.")
    if not all(0 <= number <= HIGHEST for number in numbers):
        raise InvalidInput("query_malformed", "no request or incident has such a number", "Correct it.")
