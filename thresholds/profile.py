"""File profiles: the layout of an ADT file and the weight of its rules, read from TOML."""

import enum
import itertools
from collections.abc import Iterator

import msgspec

from thresholds.errors import InvalidValueError
from thresholds.faults import Severity
from thresholds.instant import UTC_FORMAT, check_instant_format
from thresholds.layout import (
    Layout,
    LayoutColumn,
    ProfileNumber,
    ProfileText,
    bad_profile,
    pattern_problems,
    read_layout,
)
from thresholds.model import Alignment


class Field(enum.StrEnum):
    """What a row of an ADT file says."""

    USER_ID = "user_id"
    COMMUNICATION = "communication"
    SERVICE = "service"
    PERIOD = "period"
    WARNING = "warning"
    QUARANTINE = "quarantine"
    EFFECTIVE_FROM = "effective_from"
    EFFECTIVE_TO = "effective_to"


class Replaces(enum.StrEnum):
    """What a file that comes into force replaces."""

    USER_ID = "user-id"
    """All thresholds of each User ID that it names."""
    ROWS = "rows"
    """Only the thresholds that it names."""


class Column(LayoutColumn, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One column: its header and exactly one of a field, a constant text or a pattern."""

    field: Field | None = None


class Constants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields without a column and the text each has in every row."""

    user_id: str | None = None
    communication: str | None = None
    service: str | None = None
    period: str | None = None
    warning: str | None = None
    quarantine: str | None = None
    effective_from: str | None = None
    effective_to: str | None = None

    def given(self) -> dict[Field, str]:
        """Return the fields that have a constant."""
        texts = {field: getattr(self, field.value) for field in Field}
        return {field: text for field, text in texts.items() if text is not None}


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much each rule weighs that the DCC has not settled in public."""

    warning_equals_quarantine: Severity = Severity.WARNING
    effective_from_in_past: Severity = Severity.WARNING
    mixed_effective_from: Severity = Severity.ERROR
    exception_without_standing: Severity = Severity.ERROR
    spc_not_critical: Severity = Severity.ERROR
    sr_for_critical: Severity = Severity.WARNING
    role_may_not_send: Severity = Severity.ERROR
    no_final_newline: Severity = Severity.WARNING


class Profile(Layout, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Layout, limits and rules of one kind of ADT file."""

    columns: tuple[Column, ...]
    constants: Constants = Constants()
    instant_format: ProfileText = UTC_FORMAT
    alignment: Alignment = Alignment.ROLLING
    replaces: Replaces = Replaces.USER_ID
    max_level: ProfileNumber = 2**31 - 1
    rules: Rules = Rules()

    @property
    def no_final_newline(self) -> Severity:
        """What a last line without a line break means."""
        return self.rules.no_final_newline


def parse_profile(text: str) -> Profile:
    """Return the profile that the TOML *text* holds.

    Raises `ProfileError`: `profile_too_large`, `profile_not_toml`, or `bad_profile` naming the key.
    """
    profile = read_layout(text, Profile)
    for problem in itertools.chain(_column_problems(profile), _instant_problems(profile)):
        raise bad_profile(problem)
    return profile


def _column_problems(profile: Profile) -> Iterator[str]:
    for column in profile.columns:
        given = [text for text in (column.field, column.constant, column.pattern) if text is not None]
        if len(given) != 1:
            yield f"column '{column.header}' needs exactly one of field, constant and pattern"
    if len(set(profile.headers)) != len(profile.headers):
        yield "two columns have the same header"
    fields = [column.field for column in profile.columns if column.field] + list(profile.constants.given())
    for field in Field:
        if fields.count(field) > 1:
            yield f"the field `{field}` is there twice"
        if field not in fields and field is not Field.EFFECTIVE_TO:
            yield f"no column and no constant gives the field `{field}`"


def _instant_problems(profile: Profile) -> Iterator[str]:
    yield from pattern_problems(profile)
    try:
        check_instant_format(profile.instant_format)
    except InvalidValueError as error:
        yield f"instant_format: {error}"
