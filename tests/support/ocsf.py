"""Checks an event against the published definitions of OCSF 1.8.0, read as they are.

Every attribute has to be known to its class or object (after `extends`, `$include` and the profiles that the event
names), of its type, within its enumeration; what is required has to be there, and captions have to fit their numbers.
"""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pytest

DEFINITIONS: Final = Path(__file__).parents[3] / "shared" / "ocsf-1.8.0"
needs_ocsf = pytest.mark.skipif(
    not DEFINITIONS.is_dir(), reason="the OCSF definitions are not at ../shared/ocsf-1.8.0"
)

Definition = dict[str, Any]
INTEGER: Final = 64
"""Bits of a `long_t`."""


def _read(path: Path) -> Definition:
    return dict(json.loads(path.read_text()))


def _merged(below: Definition, above: Definition) -> Definition:
    """Return *below* with what *above* says instead, at every depth."""
    result = dict(below)
    for name, value in above.items():
        earlier = result.get(name)
        both = isinstance(value, dict) and isinstance(earlier, dict)
        result[name] = _merged(earlier, value) if both and isinstance(earlier, dict) else value
    return result


class Schema:
    """The definitions, and what an event has wrong by them."""

    def __init__(self, folder: Path = DEFINITIONS) -> None:
        self._folder = folder
        self._dictionary = _read(folder / "dictionary.json")
        self._types: Definition = self._dictionary["types"]["attributes"]
        self._profiles = {path.stem for path in (folder / "profiles").glob("*.json")}
        self._compiled: dict[str, Definition] = {}

    def faults(self, event: Definition) -> list[str]:
        """Return what is wrong with *event*, each with its path; nothing where it is right."""
        found = self._class_of(event.get("class_uid"))
        if found is None:
            return [f"class_uid: {event.get('class_uid')!r} is no class that is defined here"]
        definition, category_uid = found
        metadata = event.get("metadata")
        profiles = metadata.get("profiles", []) if isinstance(metadata, dict) else []
        faults = [f"metadata.profiles: {name!r} is none" for name in profiles if name not in self._profiles]
        if event.get("category_uid") != category_uid:
            faults.append(f"category_uid: {event.get('category_uid')!r} is not {category_uid}")
        if event.get("type_uid") != event["class_uid"] * 100 + event.get("activity_id", 0):
            faults.append(f"type_uid: {event.get('type_uid')!r} does not follow from class and activity")
        return faults + list(self._object(event, definition, "", frozenset(profiles)))

    @cached_property
    def _classes(self) -> dict[int, tuple[Path, int]]:
        """Return for each class its file and its category, by `class_uid`."""
        categories = _read(self._folder / "categories.json")["attributes"]
        classes = {0: (self._folder / "events" / "base_event.json", 0)}
        for path in (self._folder / "events" / "findings").glob("*.json"):
            uid = _read(path).get("uid")
            if uid is not None:
                category = categories["findings"]["uid"]
                classes[category * 1000 + uid] = (path, category)
        return classes

    def _class_of(self, class_uid: Any) -> tuple[Definition, int] | None:
        if class_uid not in self._classes:
            return None
        path, category = self._classes[class_uid]
        definition = self._compile(path)
        # `class_uid` and `category_uid` have their values from the file's own place, asked by the caller.
        own = ("class_uid", "category_uid", "type_uid")
        attributes = {n: ({**a, "enum": {}} if n in own else a) for n, a in definition["attributes"].items()}
        return {**definition, "attributes": attributes}, category

    def _compile(self, path: Path) -> Definition:
        """Return a class or an object with all that it extends and includes."""
        if str(path) in self._compiled:
            return self._compiled[str(path)]
        own = _read(path)
        attributes: Definition = {}
        constraints: Definition = {}
        if "extends" in own:
            parent = self._compile(self._beside(path, own["extends"]))
            attributes, constraints = parent["attributes"], parent["constraints"]
        for include in own["attributes"].get("$include", []):
            profile = _read(self._folder / include)
            marked = {n: {**a, "profile": profile["name"]} for n, a in profile["attributes"].items()}
            attributes = _merged(attributes, marked)
        attributes = _merged(attributes, {n: a for n, a in own["attributes"].items() if n != "$include"})
        compiled = {"attributes": attributes, "constraints": own.get("constraints", constraints)}
        self._compiled[str(path)] = compiled
        return compiled

    def _beside(self, path: Path, name: str) -> Path:
        places = (path.parent / f"{name}.json", self._folder / "events" / f"{name}.json")
        return next(place for place in places if place.exists())

    def _object(
        self, value: Definition, definition: Definition, path: str, profiles: frozenset[str]
    ) -> Iterator[str]:
        attributes = definition["attributes"]
        for name, item in value.items():
            at = f"{path}{name}"
            if name not in attributes or name not in self._dictionary["attributes"]:
                yield f"{at}: unknown attribute"
                continue
            attribute = _merged(self._dictionary["attributes"][name], attributes[name])
            if attribute.get("profile") and attribute["profile"] not in profiles:
                yield f"{at}: belongs to the profile {attribute['profile']}, which the event does not name"
            if "@deprecated" in attribute:
                yield f"{at}: deprecated since {attribute['@deprecated']['since']}"
            yield from self._attribute(item, attribute, at, profiles)
            yield from self._caption(value, name, attribute, at)
        for name, attribute in attributes.items():
            applies = not attribute.get("profile") or attribute["profile"] in profiles
            if applies and attribute.get("requirement") == "required" and name not in value:
                yield f"{path}{name}: required"
        yield from self._constraints(value, definition["constraints"], path)

    def _constraints(self, value: Definition, constraints: Definition, path: str) -> Iterator[str]:
        counts = {rule: len(value.keys() & set(names)) for rule, names in constraints.items()}
        if counts.get("at_least_one") == 0:
            yield f"{path}: at least one of {constraints['at_least_one']}"
        if counts.get("just_one", 1) != 1:
            yield f"{path}: just one of {constraints['just_one']}"

    def _attribute(
        self, value: Any, attribute: Definition, path: str, profiles: frozenset[str]
    ) -> Iterator[str]:
        if not attribute.get("is_array"):
            yield from self._value(value, attribute, path, profiles)
        elif not isinstance(value, list):
            yield f"{path}: not an array"
        elif not value:
            yield f"{path}: an empty array says nothing"
        else:
            for number, item in enumerate(value):
                yield from self._value(item, attribute, f"{path}[{number}]", profiles)

    def _value(self, value: Any, attribute: Definition, path: str, profiles: frozenset[str]) -> Iterator[str]:
        kind = attribute["type"]
        if kind in self._types:
            yield from self._scalar(value, kind, path)
            enum = self._enum(attribute)
            if enum and str(value) not in enum:
                yield f"{path}: {value!r} is none of {sorted(enum)}"
        elif not isinstance(value, dict):
            yield f"{path}: not an object"
        elif not value:
            yield f"{path}: an empty object says nothing"
        elif kind != "object":
            definition = self._compile(self._folder / "objects" / f"{kind}.json")
            yield from self._object(value, definition, f"{path}.", profiles)

    def _enum(self, attribute: Definition) -> Definition:
        enum: Definition = attribute.get("enum", {})
        is_observable = enum and "observable value type" in attribute["description"]
        return {**enum, **self._observables} if is_observable else enum

    @cached_property
    def _observables(self) -> Definition:
        """Return the numbers that types, attributes and objects have as observables."""
        objects = [_read(path) for path in (self._folder / "objects").glob("*.json")]
        inside = [a for o in objects for a in o["attributes"].values() if isinstance(a, dict)]
        all_of_them = [*self._types.values(), *self._dictionary["attributes"].values(), *objects, *inside]
        return {str(o["observable"]): {"caption": o.get("caption")} for o in all_of_them if "observable" in o}

    def _caption(self, value: Definition, name: str, attribute: Definition, path: str) -> Iterator[str]:
        """Where the text beside a number is given, it is the number's caption (any text for 99, Other)."""
        sibling = attribute.get("sibling")
        caption = self._enum(attribute).get(str(value[name]), {}).get("caption")
        if sibling in value and caption and value[name] != 99 and value[sibling] != caption:
            yield f"{path}: {value[sibling]!r} is not {caption!r}, which {value[name]} is called"

    def _scalar(self, value: Any, kind: str, path: str) -> Iterator[str]:
        base = self._types[kind].get("type", kind)
        if kind == "json_t":
            return
        wanted = {"boolean_t": bool, "integer_t": int, "long_t": int, "float_t": float}.get(base, str)
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            yield f"{path}: {value!r} is no {kind}"
        elif isinstance(value, int) and abs(value) >= 1 << (INTEGER - 1):
            yield f"{path}: {value!r} has too many digits"
        elif isinstance(value, str):
            yield from self._text(value, self._types[kind], path)

    def _text(self, value: str, rules: Definition, path: str) -> Iterator[str]:
        if not value:
            yield f"{path}: an empty text says nothing"
        if len(value) > rules.get("max_len", len(value)):
            yield f"{path}: longer than {rules['max_len']}"
        if "regex" in rules and not re.search(rules["regex"], value):
            yield f"{path}: {value!r} does not look like it should"
