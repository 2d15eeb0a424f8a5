"""File profiles: the layout of an ADT file and the weight of its rules, read from TOML."""

import enum
import itertools
import re
import tomllib
from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec

from thresholds.errors import InvalidValueError, ProfileError
from thresholds.faults import Severity
from thresholds.instant import UTC_FORMAT, check_instant_format
from thresholds.model import Alignment
from thresholds.profile_faults import sentence

MAX_PROFILE: Final = 65_536
"""Characters a profile may have."""

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Positive = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


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


class LineEnd(enum.StrEnum):
    """How a line ends."""

    CRLF = "CRLF"
    LF = "LF"


class Container(enum.StrEnum):
    """What carries the signature."""

    CMS_DETACHED = "cms-detached"
    CMS_ATTACHED = "cms-attached"
    CMS_PEM = "cms-pem"
    RAW_BASE64 = "raw-base64"


class Replaces(enum.StrEnum):
    """What a file that comes into force replaces."""

    USER_ID = "user-id"
    """All thresholds of each User ID that it names."""
    ROWS = "rows"
    """Only the thresholds that it names."""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column: its header and exactly one of a field, a constant text or a pattern."""

    header: _Text
    field: Field | None = None
    constant: str | None = None
    pattern: str | None = None


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


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Layout, limits and rules of one kind of ADT file."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z", max_length=40)]
    title: _Text
    verified: bool
    """Whether somebody compared it with the DCC's own template."""
    columns: tuple[Column, ...]
    constants: Constants = Constants()
    encoding: Literal["utf-8", "ascii"] = "utf-8"
    separator: Annotated[str, msgspec.Meta(pattern=r"^[,;|\t]\Z")] = ","
    line_ends: Annotated[tuple[LineEnd, ...], msgspec.Meta(min_length=1)] = (LineEnd.CRLF, LineEnd.LF)
    instant_format: _Text = UTC_FORMAT
    file_name: _Text = r"[A-Za-z0-9][A-Za-z0-9._-]*\.csv"
    """Regular expression that a file's whole name matches; it may have named groups."""
    container: Container = Container.CMS_DETACHED
    alignment: Alignment = Alignment.ROLLING
    replaces: Replaces = Replaces.USER_ID
    max_bytes: _Positive = 16 * 2**20
    max_rows: _Positive = 100_000
    max_level: _Positive = 2**31 - 1
    rules: Rules = Rules()

    @property
    def label(self) -> str:
        """What a person is shown: the id, and that it is unverified if it is."""
        return self.id if self.verified else f"{self.id} (unverified)"

    @property
    def headers(self) -> tuple[str, ...]:
        """The header row."""
        return tuple(column.header for column in self.columns)


def parse_profile(text: str) -> Profile:
    """Return the profile that the TOML *text* holds.

    Raises `ProfileError`: `profile_too_large`, `profile_not_toml`, or `bad_profile` naming the key.
    """
    if len(text) > MAX_PROFILE:
        remedy = f"keep it below {MAX_PROFILE} characters"
        raise ProfileError(code="profile_too_large", message="it is too large", remedy=remedy)
    try:
        profile = msgspec.convert(tomllib.loads(text), Profile)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        message = f"it is not TOML: {error}"
        raise ProfileError(code="profile_not_toml", message=message, remedy="correct the TOML") from None
    except msgspec.ValidationError as error:
        raise _bad(sentence(error, Profile)) from None
    for problem in itertools.chain(_column_problems(profile), _pattern_problems(profile)):
        raise _bad(problem)
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


def _pattern_problems(profile: Profile) -> Iterator[str]:
    try:
        check_instant_format(profile.instant_format)
        for pattern in (profile.file_name, *(column.pattern or "" for column in profile.columns)):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        yield f"a pattern is not a regular expression: {error}"
    except InvalidValueError as error:
        yield f"instant_format: {error}"


def _bad(what: str) -> ProfileError:
    return ProfileError(code="bad_profile", message=what, remedy="correct the profile's TOML file")
