"""Enough of an Elasticsearch ingest pipeline and mapping to try our own: rename, set, date and remove."""

import copy
import re
from collections.abc import Iterator
from typing import Any, Final

_MISSING: Final = object()


def _get(document: dict[str, Any], path: str) -> Any:
    found: Any = document
    for name in path.split("."):
        if not isinstance(found, dict) or name not in found:
            return _MISSING
        found = found[name]
    return found


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for name in above:
        document = document.setdefault(name, {})
    document[last] = value


def _drop(document: dict[str, Any], path: str) -> None:
    *above, last = path.split(".")
    for name in above:
        document = document[name]
    document.pop(last, None)


def _holds(condition: str, document: dict[str, Any]) -> bool:
    """Tell whether `ctx.PATH == NUMBER`, `!= NUMBER` or `!= null` holds."""
    match = re.fullmatch(r"ctx\.([\w?.]+) (==|!=) (null|\d+)", condition)
    assert match is not None, condition
    value = _get(document, match[1].replace("?", ""))
    wanted = _MISSING if match[3] == "null" else int(match[3])
    return bool(value == wanted) is (match[2] == "==")


def ingest(pipeline: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return what the pipeline makes of a document; raise `AssertionError` where a processor would fail."""
    document = copy.deepcopy(document)
    for processor in pipeline["processors"]:
        ((kind, options),) = processor.items()
        if "if" in options and not _holds(options["if"], document):
            continue
        _KINDS[kind](document, options)
    return document


def _rename(document: dict[str, Any], options: dict[str, Any]) -> None:
    value = _get(document, options["field"])
    assert value is not _MISSING, options
    _drop(document, options["field"])
    _put(document, options["target_field"], value)


def _set(document: dict[str, Any], options: dict[str, Any]) -> None:
    value = _get(document, options["copy_from"]) if "copy_from" in options else options["value"]
    if value is _MISSING:
        assert options.get("ignore_empty_value"), options
        return
    _put(document, options["field"], copy.deepcopy(value))


def _date(document: dict[str, Any], options: dict[str, Any]) -> None:
    assert options["formats"] == ["UNIX_MS"]
    value = _get(document, options["field"])
    assert isinstance(value, int), options
    _put(document, options["target_field"], value)


def _remove(document: dict[str, Any], options: dict[str, Any]) -> None:
    assert options.get("ignore_missing") or _get(document, options["field"]) is not _MISSING
    _drop(document, options["field"])


_KINDS: Final = {"rename": _rename, "set": _set, "date": _date, "remove": _remove}


def sources(pipeline: dict[str, Any]) -> set[str]:
    """Return the paths that a pipeline reads below `ocsf`."""
    read = (options for processor in pipeline["processors"] for options in processor.values())
    found = {options.get("copy_from") or options["field"] for options in read}
    return {path.removeprefix("ocsf.") for path in found if path.startswith("ocsf.")}


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of everything in a document, `ocsf` as a whole."""
    if isinstance(document, dict) and path != "ocsf":
        for name, value in document.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    else:
        yield path, document


def mapped(template: dict[str, Any]) -> dict[str, str]:
    """Return the type of each field of an index template."""

    def walk(properties: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
        for name, field in properties.items():
            if "properties" in field:
                yield from walk(field["properties"], f"{prefix}{name}.")
            else:
                yield prefix + name, field["type"]

    return dict(walk(template["template"]["mappings"]["properties"], ""))
