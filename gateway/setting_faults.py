"""What is wrong with a settings file, in plain words: which key, what it has to be, which key is meant. Pure."""

import difflib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

FORM: Final = "form"
"""Name under which a setting with a pattern says its form in words, in `json_schema_extra`."""

SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "it is needed and not set",
        "literal_error": "it has to be {expected}",
        "string_type": 'it has to be a text, in quotes: "…"',
        "path_type": 'it has to be a path, in quotes: "…"',
        "tuple_type": "it has to be a list: […]",
        "too_short": "it has to have at least {min_length}",
        "greater_than": "it has to be more than {gt}",
        "greater_than_equal": "it has to be {ge} or more",
        "less_than": "it has to be less than {lt}",
        "less_than_equal": "it has to be {le} or less",
        "value_error": "{error}",
    }
)
"""What is said for each type of error of pydantic; the words in braces are its context."""

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "int": "it has to be a whole number",
        "float": "it has to be a number",
        "bool": "it has to be true or false",
        "model": "it has to be a section: [{key}] on a line of its own, its keys below",
    }
)
"""What is said for a family of them, by the first word of the type."""


def sentence(fault: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Return one fault of pydantic's list for *model* as `KEY: WHAT`; never the value, which may be a secret."""
    location = fault["loc"]
    key = ".".join(map(str, location))
    if fault["type"] == "extra_forbidden":
        return f"{key}: there is no such setting{_meant(location, model)}"
    return f"{key}: {_what(fault, key, model)}" if key else _what(fault, key, model)


def _what(fault: Mapping[str, Any], key: str, model: type[BaseModel]) -> str:
    kind = fault["type"]
    if kind == "string_pattern_mismatch":
        return f"it has to be {_form(fault['loc'], model)}"
    words = SENTENCES.get(kind) or KINDS.get(kind.partition("_")[0]) or "its value cannot be used"
    return words.format_map({"key": key} | fault.get("ctx", {}))


def _section(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a setting of this type holds, or None."""
    found = [annotation, *get_args(annotation)]
    return next((each for each in found if isinstance(each, type) and issubclass(each, BaseModel)), None)


def _fields(location: tuple[int | str, ...], model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Return the settings beside the last part of *location*."""
    for part in location[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _section(model.model_fields[part].annotation) or model
    return model.model_fields


def _form(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    extra = _fields(location, model)[str(location[-1])].json_schema_extra
    return str(extra[FORM]) if isinstance(extra, dict) and FORM in extra else "of another form"


def _meant(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Return a question for the nearest setting: beside it, or of the same name in another section."""
    *above, last = map(str, location)
    near = difflib.get_close_matches(last, _fields(location, model), n=1)
    found = [".".join([*above, near[0]])] if near else _elsewhere(last, model)
    return f"; is {' or '.join(found)} meant?" if found else ""


def _elsewhere(name: str, model: type[BaseModel]) -> list[str]:
    return [path for path in _paths(model) if path.rpartition(".")[2] == name]


def _paths(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        yield from (f"{name}.{key}" for key in section.model_fields) if section else (name,)
