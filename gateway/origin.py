"""Where each setting came from: the environment, the file or its default. Pure."""

import enum
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

SEPARATOR: Final = "__"


class Origin(enum.StrEnum):
    """Where a setting came from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


def origins(values: Mapping[str, Any], environment: Mapping[str, str], prefix: str) -> dict[str, Origin]:
    """Return where the settings came from that have no default, by dotted names of one or two parts.

    *values* is what the file holds; variables of the *environment* begin with *prefix*, in any case.
    """
    found = dict.fromkeys(_names(values), Origin.FILE)
    for variable, text in environment.items():
        name = variable.upper()
        if name.startswith(prefix):
            parts = name.removeprefix(prefix).lower().split(SEPARATOR)
            for dotted in _named(parts, text):
                found[dotted] = Origin.ENVIRONMENT
    return found


def _names(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from (f"{name}.{key}" for key in value)
        else:
            yield name


def _named(parts: list[str], text: str) -> Iterator[str]:
    """Yield what one variable sets: a whole table as JSON sets each of its keys."""
    if len(parts) > 1:
        yield ".".join(parts[:2])
        return
    try:
        table = msgspec.json.decode(text)
    except msgspec.DecodeError:
        table = None
    if isinstance(table, dict):
        yield from (f"{parts[0]}.{key}" for key in table)
    else:
        yield parts[0]
