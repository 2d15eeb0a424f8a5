"""The settings that hold, for people who look: names of files are shown, what is in them never."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.access import Action, Person
from gateway.operations.reload import RELOADABLE
from gateway.origin import Origin
from gateway.section import Section
from gateway.settings import Settings

SECRET: Final = re.compile(r"password|secret|pin|passphrase|credential")
"""A setting of such a name is shown only where it is the path of a file."""
MASKED: Final = "hidden"
NONE: Final = "not set"


class ShownSetting(msgspec.Struct, frozen=True):
    """One setting."""

    name: str
    """Dotted, as in the file."""
    value: str
    origin: Origin
    what: str
    reload: str
    """From when another value holds after a reload; empty where it needs a restart."""


class ShownSection(msgspec.Struct, frozen=True):
    """A table of the settings file; the first has no name."""

    name: str
    is_set: bool
    """Whether it is there; without it what it is about is not done."""
    settings: list[ShownSetting]


class SettingsView:
    """Holds the settings that hold now."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def take(self, settings: Settings) -> None:
        """Show these from now on: they were read anew."""
        self._settings = settings

    def shown(self, person: Person) -> list[ShownSection]:
        """Return every setting, table by table."""
        person.require(Action.READ_SETTINGS)
        return list(_sections(self._settings))


def _sections(settings: Settings) -> Iterator[ShownSection]:
    top, tables = [], []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Section):
            rows = [
                _shown(settings, f"{name}.{key}", getattr(value, key), each.description or "")
                for key, each in type(value).model_fields.items()
            ]
            tables.append(ShownSection(name, is_set=True, settings=rows))
        elif value is None:
            tables.append(ShownSection(name, is_set=False, settings=[]))
        else:
            top.append(_shown(settings, name, value, field.description or ""))
    yield ShownSection("", is_set=True, settings=top)
    yield from tables


def _shown(settings: Settings, name: str, value: Any, what: str) -> ShownSetting:
    return ShownSetting(name, _text(name, value), settings.origin(name), what, RELOADABLE.get(name, ""))


def _text(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return "; ".join(_text(name, each) for each in value) or NONE
    if isinstance(value, Section):
        pairs = ((key, getattr(value, key)) for key in type(value).model_fields)
        return ", ".join(f"{key} {_text(key, each)}" for key, each in pairs)
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if SECRET.search(name.rpartition(".")[2]) and not isinstance(value, Path):
        return MASKED
    return str(value)
