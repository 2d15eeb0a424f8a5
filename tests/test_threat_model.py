"""Every test that the threat model calls on exists, and every part says what is not stopped."""

import ast
import re

from tests.support.documents import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def _functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_is_named_exists() -> None:
    assert len(NAMED) > 20
    assert [f"{path}::{name}" for path, name in NAMED if name not in _functions(path)] == []


def test_every_row_names_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| could")]
    assert [row for row in rows if "::test_" not in row] == []


def test_every_part_says_what_is_not_stopped() -> None:
    parts = TEXT.split("\n## ")[1:]
    assert [part.splitlines()[0] for part in parts if "**Not stopped:**" not in part] == []
