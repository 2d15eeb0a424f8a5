"""Profile of an Exit Quarantine file: what tells the DCC to release or delete quarantined requests, as data."""

import enum
import itertools
import re
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec

from thresholds.instant import format_instant
from thresholds.layout import (
    Layout,
    LayoutColumn,
    LineEnd,
    ProfileText,
    bad_profile,
    pattern_problems,
    read_layout,
)

NAME_TIME: Final = "%Y%m%dT%H%M%SZ"
"""How a file's name gives its time (UTC)."""

_EXAMPLE: Final = ("a" * 64, 0)


class ExitAction(enum.StrEnum):
    """What is to become of a quarantined request."""

    RELEASE = "RELEASE"
    """The DCC processes it."""
    DELETE = "DELETE"
    """The DCC drops it."""


class ExitField(enum.StrEnum):
    """What a row of an Exit Quarantine file says."""

    USER_ID = "user_id"
    EVENT_REF = "event_ref"
    REQUEST_ID = "request_id"
    ACTION = "action"


class ExitColumn(LayoutColumn, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One column: its header and exactly one of a field, a constant text or a pattern that it matches."""

    field: ExitField | None = None


class ActionWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the action column says for each action."""

    release: ProfileText = "RELEASE"
    delete: ProfileText = "DELETE"

    def word(self, action: ExitAction) -> str:
        """Return what stands for *action*."""
        return self.release if action is ExitAction.RELEASE else self.delete


class ExitProfile(Layout, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Layout, limits and naming of Exit Quarantine files."""

    columns: tuple[ExitColumn, ...]
    line_ends: Annotated[tuple[LineEnd, ...], msgspec.Meta(min_length=1)] = (LineEnd.CRLF,)
    """The first is what a file is written with."""
    written_name: ProfileText = "exit-quarantine-{at}-{digest}.csv"
    """How a file that is written is called: its time and the first eight digits of its rows' SHA-256."""
    actions: ActionWords = ActionWords()

    def name(self, sha256: str, now: int) -> str:
        """Return the name of the file whose bytes have this SHA-256, written at *now* (seconds)."""
        return self.written_name.format(at=format_instant(now, NAME_TIME), digest=sha256[:8])


def parse_exit_profile(text: str) -> ExitProfile:
    """Return the profile that the TOML *text* holds.

    Raises `ProfileError`: `profile_too_large`, `profile_not_toml`, or `bad_profile` naming the key.
    """
    profile = read_layout(text, ExitProfile)
    problems = itertools.chain(_column_problems(profile), pattern_problems(profile), _name_problems(profile))
    for problem in problems:
        raise bad_profile(problem)
    return profile


def _column_problems(profile: ExitProfile) -> Iterator[str]:
    for column in profile.columns:
        given = [text for text in (column.field, column.constant) if text is not None]
        if len(given) != 1 or column.pattern is not None:
            yield f"column '{column.header}' needs exactly one of field and constant: the gateway writes the file"
    if len(set(profile.headers)) != len(profile.headers):
        yield "two columns have the same header"
    fields = [column.field for column in profile.columns]
    for field in ExitField:
        if fields.count(field) != 1:
            yield f"the field `{field}` needs exactly one column"
    if profile.actions.release == profile.actions.delete:
        yield "actions: release and delete are the same word"


def _name_problems(profile: ExitProfile) -> Iterator[str]:
    try:
        name = profile.name(*_EXAMPLE)
    except (KeyError, IndexError, ValueError, AttributeError):
        yield "written_name: it may name {at} and {digest} alone"
        return
    if not re.fullmatch(profile.file_name, name):
        yield f"written_name: {name} is not of the form of file_name"
