"""Enough of Sigma to try our own rules: fields by path, lists, three modifiers, conditions of and, or, not."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

DEBIAN_PYTHON: Final = "/usr/bin/python3"


def _can_read_yaml() -> bool:
    try:
        done = subprocess.run([DEBIAN_PYTHON, "-c", "import yaml"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


needs_yaml = pytest.mark.skipif(
    not _can_read_yaml(), reason="python3-yaml is not there: run .ci/packages test"
)


def read_yaml(path: Path) -> Any:
    """Return the one document of a YAML file, as PyYAML of Debian reads it; dates become texts."""
    program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout, default=str)"
    done = subprocess.run(
        [DEBIAN_PYTHON, "-c", program], input=path.read_bytes(), capture_output=True, check=True
    )
    return json.loads(done.stdout)


def at(event: Any, path: str) -> list[Any]:
    """Return all values at a dotted path; a list on the way stands for each of its items."""
    found = [event]
    for name in path.split("."):
        items = [item for each in found for item in (each if isinstance(each, list) else [each])]
        found = [item[name] for item in items if isinstance(item, dict) and name in item]
    return [item for each in found for item in (each if isinstance(each, list) else [each])]


def named_fields(rule: dict[str, Any]) -> Iterator[str]:
    """Yield every field that a rule names."""
    yield from rule.get("fields", [])
    for name, selection in rule["detection"].items():
        if name != "condition":
            yield from (key.partition("|")[0] for key in selection)


def matches(rule: dict[str, Any], event: dict[str, Any]) -> bool:
    """Tell whether *event* meets the rule's condition."""
    detection = rule["detection"]
    truth = {
        name: all(_selected(event, key, wanted) for key, wanted in selection.items())
        for name, selection in detection.items()
        if name != "condition"
    }
    words = re.findall(r"\w+|[()]", detection["condition"])
    unknown = [word for word in words if word not in {"and", "or", "not", "(", ")", *truth}]
    if unknown:
        message = f"not of the Sigma that is read here: {unknown}"
        raise ValueError(message)
    text = " ".join(str(truth[word]) if word in truth else word for word in words)
    return bool(eval(text, {"__builtins__": {}}))


def _selected(event: dict[str, Any], key: str, wanted: Any) -> bool:
    path, _, modifier = key.partition("|")
    tests = {
        "": lambda value, given: str(value).lower() == str(given).lower(),
        "startswith": lambda value, given: str(value).lower().startswith(str(given).lower()),
        "contains": lambda value, given: str(given).lower() in str(value).lower(),
    }
    given = wanted if isinstance(wanted, list) else [wanted]
    return any(tests[modifier](value, each) for value in at(event, path) for each in given)
