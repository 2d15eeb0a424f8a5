"""What every way has by which signed files leave."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Handed(msgspec.Struct, frozen=True):
    """What is known of files that were handed over."""

    place: str
    """Where they are."""
    said: str
    """What the other side said of itself and of the files; empty for a folder."""


class Way(Protocol):
    """Hands the files of one signature over: the file, its signature, its receipt."""

    name: str
    """In the settings, in records and metrics."""
    is_quick: bool
    """Whether somebody may wait for it: it needs no other computer."""

    async def deliver(self, number: int, parts: Mapping[str, bytes]) -> Handed:
        """Hand over *parts* (bytes by name, in this order) of the file with this number.

        Nobody ever sees half of one under its name, and repeating it changes nothing. Raises `Unavailable` where
        it can be tried again, `Conflict` where another file is there already.
        """
        ...
