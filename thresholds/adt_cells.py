"""The rules for one cell of an ADT file. Each returns the value or raises `InvalidValueError`."""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from thresholds.catalogue import Catalogue
from thresholds.errors import InvalidValueError
from thresholds.eui64 import parse_user_id
from thresholds.faults import excerpt
from thresholds.instant import parse_instant
from thresholds.model import ALL, DEVICES, CommunicationClass, UserId
from thresholds.period import parse_period
from thresholds.profile import Column, Field, Profile

CellRule = Callable[[str], Any]

MAX_VALUE: Final = 128
"""Characters a cell may have."""

CLASSES: Final = frozenset({*CommunicationClass, ALL, DEVICES} - {CommunicationClass.UNKNOWN})
"""What a communication column may say."""

_FORMULA: Final = ("=", "+", "-", "@", "\t")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_ESCAPED: Final = re.compile("[\ud800-\udfff]")
_SIGNED: Final = re.compile(r"[+-][0-9.,]+")
_LEVEL: Final = re.compile(r"0|[1-9][0-9]*")


def check_text(text: str) -> str:
    """Return *text* if a spreadsheet shows what it holds: no formula, nothing hidden, no blank ends."""
    if text.startswith(_FORMULA):
        raise _invalid(
            "formula", text, "would run as a formula when a spreadsheet opens the file", "remove its start"
        )
    if _ESCAPED.search(text):
        raise _invalid("bad_encoding", text, "has bytes that are not of the file's encoding", "save it again")
    if "\0" in text:
        raise _invalid("nul_byte", text, "holds a NUL byte", "remove it")
    if "\r" in text or "\n" in text:
        raise _invalid("line_break_in_field", text, "holds a line break", "keep each row on one line")
    if _CONTROL.search(text):
        raise _invalid("control_character", text, "holds a control or invisible character", "remove it")
    if len(text) > MAX_VALUE:
        raise _invalid("value_too_long", text, f"has more than {MAX_VALUE} characters", "shorten it")
    if text != text.strip():
        raise _invalid("blank_around_value", text, "has blanks around it", "remove the blanks")
    return text


def cell_rule(
    column: Column, profile: Profile, catalogue: Catalogue, users: Mapping[UserId, Any]
) -> CellRule:
    """Return the rule for the cells of *column*, first as text, then for what it means."""
    if column.field is None:
        pattern = column.pattern or re.escape(column.constant or "")
        meaning: CellRule = functools.partial(_other, pattern=re.compile(pattern))
    else:
        meaning = _meaning(column.field, profile, catalogue, users)
    optional = column.field is Field.EFFECTIVE_TO or column.constant == ""
    levels = column.field in (Field.WARNING, Field.QUARANTINE)

    def rule(text: str) -> Any:
        if not text and not optional:
            raise _invalid("missing_value", text, "is empty", "fill it in")
        if not (levels and _SIGNED.fullmatch(text)):  # a sign has a clearer message of its own
            check_text(text)
        return meaning(text)

    return rule


def _meaning(field: Field, profile: Profile, catalogue: Catalogue, users: Mapping[UserId, Any]) -> CellRule:
    instant = functools.partial(parse_instant, pattern=profile.instant_format)
    level = functools.partial(_level, highest=profile.max_level)
    meanings: dict[Field, CellRule] = {
        Field.USER_ID: functools.partial(_user_id, users=users),
        Field.COMMUNICATION: _communication,
        Field.SERVICE: functools.partial(_service, catalogue=catalogue),
        Field.PERIOD: functools.partial(parse_period, alignment=profile.alignment),
        Field.WARNING: level,
        Field.QUARANTINE: level,
        Field.EFFECTIVE_FROM: instant,
        Field.EFFECTIVE_TO: lambda text: instant(text) if text else None,
    }
    return meanings[field]


def _user_id(text: str, users: Mapping[UserId, Any]) -> UserId:
    user = parse_user_id(text)
    if user not in users:
        remedy = "use a User ID from the gateway's settings, or add this one there"
        raise _invalid("not_our_user_id", text, "is not one of our User IDs", remedy)
    return user


def _communication(text: str) -> str:
    if text not in CLASSES:
        remedy = f"write one of {', '.join(sorted(CLASSES))}"
        raise _invalid("unknown_communication", text, "is not a class of communication", remedy)
    return text


def _service(text: str, catalogue: Catalogue) -> str:
    if not catalogue.covered_by(text):
        remedy = "write a service reference variant such as 4.1.1, a service reference such as 4.1, or *"
        raise _invalid("unknown_service", text, "is no service of DUIS 5.4", remedy)
    return text


def _level(text: str, highest: int) -> int:
    """Return a level; each usual way to write one wrongly has a code of its own."""
    if not _LEVEL.fullmatch(text):
        code, reason = _why_not_a_level(text)
        raise _invalid(code, text, reason, "write a whole number in plain digits, such as 500000")
    if len(text) > len(str(highest)) or int(text) > highest:
        raise _invalid("level_too_large", text, f"is above {highest}", "write a smaller number")
    return int(text)


def _why_not_a_level(text: str) -> tuple[str, str]:
    if re.fullmatch(r"-[0-9.,]+", text):
        return "negative", "is negative"
    if re.fullmatch(r"\+[0-9.,]+", text):
        return "plus_sign", "has a plus sign"
    if re.fullmatch(r"0[0-9]+", text):
        return "leading_zeros", "has leading zeros"
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]+", text):
        return "scientific_notation", "is in scientific notation, as spreadsheets write large numbers"
    if text.isdigit():
        return "unicode_digits", "has digits other than 0 to 9"
    return "not_a_whole_number", "is not a whole number"


def _other(text: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(text):
        remedy = f"write it as the profile says: {pattern.pattern}"
        raise _invalid("unexpected_value", text, "is not what this column holds", remedy)
    return text


def _invalid(code: str, text: str, reason: str, remedy: str) -> InvalidValueError:
    return InvalidValueError(code, f"'{excerpt(text)}' {reason}", remedy)
