"""What holds for every module, beside what import-linter and ruff hold."""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted(path for package in ("gateway", "hsm", "thresholds") for path in (ROOT / package).rglob("*.py"))
MIGRATIONS = ROOT / "gateway" / "store" / "migrations"
MAY_MAKE_TASKS = {
    ROOT / "gateway" / "tasks.py",
    ROOT / "gateway" / "cli" / "replay.py",  # in a group that ends with the command
    ROOT / "gateway" / "demo" / "alerts.py",  # the one task of a loop of its own
}
LONGEST_FILE = 300
LONGEST_FUNCTION = 60

every_module = pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_there_is_code_to_look_at() -> None:
    assert len(CODE) > 80


@every_module
def test_a_file_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE


@every_module
def test_a_function_is_short(path: Path) -> None:
    """A migration is a list of tables and has no such limit."""
    if path.is_relative_to(MIGRATIONS):
        pytest.skip("made by Alembic from the tables")
    long = {
        function.name: (function.end_lineno or 0) - function.lineno + 1
        for function in _functions(path)
        if (function.end_lineno or 0) - function.lineno + 1 > LONGEST_FUNCTION
    }
    assert long == {}


@every_module
def test_a_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(_tree(path))


@every_module
def test_tasks_are_made_in_one_place(path: Path) -> None:
    """`gateway.tasks` names and owns every task of the daemon; what runs apart from it ends its own."""
    made = [
        node.lineno
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"create_task", "ensure_future"}
    ]
    assert made == [] or path in MAY_MAKE_TASKS
