"""What is wrong with a profile, in plain words: which key, what it has to be, which key is meant. Pure."""

import difflib
import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import inspect

_AT: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_KEY: Final = re.compile(r"[^.\[\]]+")

FORMS: Final = MappingProxyType(
    {
        "id": "lower-case letters and digits in words joined by hyphens, 40 characters at most",
        "separator": "one of: comma, semicolon, vertical bar, tab",
    }
)
"""What the keys have to be whose form is a pattern."""


def sentence(error: msgspec.ValidationError, model: type[msgspec.Struct]) -> str:
    """Return what *error* says of a file that should have been a *model*: the key first."""
    found = _AT.fullmatch(str(error))
    what, path = (found["what"], found["path"] or "") if found else (str(error), "")
    keys = _KEY.findall(path)
    wanted = inspect.type_info(model)
    for key in keys:
        wanted = _inside(wanted, key)
    if unknown := _UNKNOWN.fullmatch(what):
        return f"{_joined(path, unknown[1])}: a profile has no such key{_meant(path, unknown[1], wanted)}"
    if missing := _MISSING.fullmatch(what):
        return f"{_joined(path, missing[1])}: it is needed and not set"
    return f"{path}: it has to be {_words(wanted, keys)}"


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _inside(wanted: inspect.Type, key: str) -> inspect.Type:
    """Return what stands below *wanted* at *key*: a key of a section, or a place in a list."""
    wanted = _plain(wanted)
    if isinstance(wanted, inspect.StructType):
        return next((_plain(field.type) for field in wanted.fields if field.encode_name == key), wanted)
    return wanted.item_type if isinstance(wanted, inspect.VarTupleType) else wanted


def _plain(wanted: inspect.Type) -> inspect.Type:
    """Return a type without the None that says that its key may be left out."""
    if isinstance(wanted, inspect.UnionType):
        return next(each for each in wanted.types if not isinstance(each, inspect.NoneType))
    return wanted


def _meant(path: str, key: str, wanted: inspect.Type) -> str:
    known = [field.encode_name for field in wanted.fields] if isinstance(wanted, inspect.StructType) else []
    near = difflib.get_close_matches(key, known, n=1)
    return f"; is {_joined(path, near[0])} meant?" if near else ""


def _words(wanted: inspect.Type, keys: Sequence[str]) -> str:
    match wanted:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number from {wanted.ge} to {wanted.le}"
        case inspect.EnumType():
            return _one_of([each.value for each in wanted.cls])
        case inspect.LiteralType():
            return _one_of(wanted.values)
        case inspect.VarTupleType():
            return f"a list of {wanted.min_length or 0} or more: [ … ]"
        case inspect.StructType():
            return "a section with keys of its own"
    return FORMS.get(keys[-1] if keys else "", "a text in quotes, of 1 to 200 characters")


def _one_of(values: Sequence[Any]) -> str:
    *most, last = (f'"{value}"' for value in values)
    return f"{', '.join(most)} or {last}"
