"""What this package raises: a message that could not be read, and why."""

from typing import Final

from gateway.errors import InvalidInput, TooLarge

SHOWN_MAX_CHARACTERS: Final = 80
"""No error shows more of what a sender wrote."""


class IngestError(InvalidInput):
    """A message was refused; nothing of it was counted."""


class MessageTooLarge(IngestError, TooLarge):
    """A message is over the size limit."""


def shown(hostile: str) -> str:
    """Return at most 80 characters of *hostile*, each that is not printable ASCII written as `?`."""
    cut = hostile[:SHOWN_MAX_CHARACTERS]
    text = "".join(char if char.isascii() and char.isprintable() else "?" for char in cut)
    return text if len(hostile) <= SHOWN_MAX_CHARACTERS else text[:-3] + "..."
