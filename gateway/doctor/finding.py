"""What the doctor finds, as values, and the shape of its checks."""

import enum
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from gateway.settings import Settings


class State(enum.StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and will not for ever."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It could not be looked at."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: State
    what: str
    remedy: str = ""


Look = Callable[[Settings, float], AsyncIterator[Finding]]
"""Takes the settings and the time (seconds since the epoch); yields findings as it goes."""


class Check(msgspec.Struct, frozen=True):
    """A look, and the names of the findings that it owes."""

    names: tuple[str, ...]
    look: Look


SETTINGS: Final = "settings"


def ok(name: str, what: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(name, State.OK, what)


def warning(name: str, what: str, remedy: str) -> Finding:
    """Return a finding that will need something."""
    return Finding(name, State.WARNING, what, remedy)


def failed(name: str, what: str, remedy: str) -> Finding:
    """Return a finding that needs something now."""
    return Finding(name, State.FAILED, what, remedy)


def unknown(name: str, what: str, remedy: str = "") -> Finding:
    """Return a finding about what could not be looked at."""
    return Finding(name, State.UNKNOWN, what, remedy)
