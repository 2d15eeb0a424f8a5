"""What any CSV file that is signed is laid out by: the part of a profile that all kinds of files share."""

import enum
import re
import tomllib
from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from thresholds.errors import ProfileError
from thresholds.faults import Severity
from thresholds.profile_faults import sentence

MAX_PROFILE: Final = 65_536
"""Characters a profile may have."""

ProfileText = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
ProfileNumber = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


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


class LayoutColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One column: its header, and a constant text or a pattern where it holds no field."""

    header: ProfileText
    constant: str | None = None
    pattern: str | None = None


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Layout and limits of one kind of signed CSV file (RFC 4180)."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z", max_length=40)]
    title: ProfileText
    verified: bool
    """Whether somebody compared it with the DCC's own template."""
    columns: tuple[LayoutColumn, ...]
    encoding: Literal["utf-8", "ascii"] = "utf-8"
    separator: Annotated[str, msgspec.Meta(pattern=r"^[,;|\t]\Z")] = ","
    line_ends: Annotated[tuple[LineEnd, ...], msgspec.Meta(min_length=1)] = (LineEnd.CRLF, LineEnd.LF)
    file_name: ProfileText = r"[A-Za-z0-9][A-Za-z0-9._-]*\.csv"
    """Regular expression that a file's whole name matches; it may have named groups."""
    container: Container = Container.CMS_DETACHED
    max_bytes: ProfileNumber = 16 * 2**20
    max_rows: ProfileNumber = 100_000

    @property
    def label(self) -> str:
        """What a person is shown: the id, and that it is unverified if it is."""
        return self.id if self.verified else f"{self.id} (unverified)"

    @property
    def headers(self) -> tuple[str, ...]:
        """The header row."""
        return tuple(column.header for column in self.columns)

    @property
    def no_final_newline(self) -> Severity:
        """What a last line without a line break means."""
        return Severity.ERROR


AnyLayout = TypeVar("AnyLayout", bound=Layout)


def read_layout(text: str, model: type[AnyLayout]) -> AnyLayout:
    """Return the *model* that the TOML *text* holds.

    Raises `ProfileError`: `profile_too_large`, `profile_not_toml`, or `bad_profile` naming the key.
    """
    if len(text) > MAX_PROFILE:
        remedy = f"keep it below {MAX_PROFILE} characters"
        raise ProfileError(code="profile_too_large", message="it is too large", remedy=remedy)
    try:
        return msgspec.convert(tomllib.loads(text), model)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        message = f"it is not TOML: {error}"
        raise ProfileError(code="profile_not_toml", message=message, remedy="correct the TOML") from None
    except msgspec.ValidationError as error:
        raise bad_profile(sentence(error, model)) from None


def pattern_problems(layout: Layout) -> Iterator[str]:
    """Yield which pattern of the layout is no regular expression."""
    try:
        for pattern in (layout.file_name, *(column.pattern or "" for column in layout.columns)):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        yield f"a pattern is not a regular expression: {error}"


def bad_profile(what: str) -> ProfileError:
    """Return what is raised for a profile of which *what* is wrong."""
    return ProfileError(code="bad_profile", message=what, remedy="correct the profile's TOML file")
