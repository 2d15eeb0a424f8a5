"""What people write about incidents, made safe before it is kept: notes, references, names of files. Pure."""

from collections.abc import Collection
from typing import Final

from gateway.errors import InvalidInput
from gateway.life import IncidentState

NOTE_LIMIT: Final = 4000
"""Characters of a note at the most."""
REFERENCE_LIMIT: Final = 200
NAME_LIMIT: Final = 200


def plain(state: IncidentState) -> str:
    """Return a state as people read it."""
    return state.replace("_", " ")


def unknown_word(field: str, known: Collection[str]) -> InvalidInput:
    """Return what somebody is told who sends another word than the *known* ones."""
    words = ", ".join(word or "empty" for word in known)
    return InvalidInput(f"{field}_unknown", f"{field} has to be one of: {words}", "Choose one of them.")


def one_line(text: str, field: str, limit: int, least: int = 1) -> str:
    """Return one line of text without outer blanks; raise `InvalidInput` where it is none."""
    text = " ".join(text.split())
    if not least <= len(text) <= limit or not text.isprintable():
        msg = f"{field} has to be {least} to {limit} printable characters"
        raise InvalidInput(f"{field}_wrong", msg, "Correct it.")
    return text


def lines(text: str) -> str:
    """Return a note, with its line breaks; raise `InvalidInput` where it says nothing or far too much."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    text = "\n".join(lines).strip("\n")
    if (
        not text.strip()
        or len(text) > NOTE_LIMIT
        or not text.replace("\n", "").replace("\t", "").isprintable()
    ):
        msg = f"a note is 1 to {NOTE_LIMIT} printable characters"
        raise InvalidInput("note_wrong", msg, "Write what was found; attach what is longer.")
    return text


def file_name(text: str) -> str:
    """Return the last part of a name without what could mislead; raise `InvalidInput` where nothing is left."""
    name = "".join(each for each in text.replace("\\", "/").rpartition("/")[2] if each.isprintable())
    name = name.strip(" .")
    if not name or len(name) > NAME_LIMIT:
        msg = f"the name of the file has to be 1 to {NAME_LIMIT} printable characters"
        raise InvalidInput("attachment_name", msg, "Rename it.")
    return name
