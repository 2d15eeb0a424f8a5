"""Every command that an error, a remedy, a hint or a document names can be run."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli import cli
from tests.support.adt import ROOT
from tests.support.documents import documents

CODE = sorted(path for package in ("gateway", "hsm", "thresholds") for path in (ROOT / package).rglob("*.py"))
WORDS = re.compile(r"adt-gateway((?: (?:[a-z][a-z-]*|[A-Z]+|\d+|--[a-z-]+))+)")
"""Verbs, placeholders, numbers and options; the first other word or sign ends the command."""
PLACEHOLDER = re.compile(r"[A-Z]+|\d+")
NO_COMMANDS = {"listens on", "audit record"}
"""What only looks like one: the name of the program in a sentence."""


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every text of a module, its inserted values as numbers."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "1" for part in node.values]
            yield node.lineno, "".join(map(str, parts))


def _commands() -> Iterator[tuple[str, str]]:
    for path in CODE:
        for line, text in _texts(path):
            yield from ((f"{path.relative_to(ROOT)}:{line}", found) for found in WORDS.findall(text))
    for path in documents():
        for line, text in enumerate(path.read_text("utf-8").splitlines(), start=1):
            yield from ((f"{path.relative_to(ROOT)}:{line}", found) for found in WORDS.findall(text))


def _fault(words: list[str]) -> str:
    """Return why a command cannot be run, or nothing."""
    if PLACEHOLDER.fullmatch(words[0]) or words[0].startswith("--") or " ".join(words[:2]) in NO_COMMANDS:
        return ""
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group):
        if not rest or rest[0].startswith("--"):
            return "" if command.invoke_without_command or rest else f"{words} names a group alone"
        found = command.get_command(click.Context(command), rest.pop(0))
        if found is None:
            return f"{words} is no command"
        command = found
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    given = [word for word in rest if PLACEHOLDER.fullmatch(word)]
    wrong = [word for word in rest if word.startswith("--") and word not in options]
    takes = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    if wrong or (given and not takes and not any(word.startswith("--") for word in rest)):
        return f"{words} has what the command does not take"
    return ""


COMMANDS = sorted(set(_commands()))


@pytest.mark.parametrize(("place", "words"), COMMANDS, ids=[f"{place}{words}" for place, words in COMMANDS])
def test_a_command_that_is_named_can_be_run(place: str, words: str) -> None:
    assert _fault(words.split()) == "", place


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) > 30


@pytest.mark.parametrize(
    "words", ["incidents 2", "incident show 2", "token", "rates NAME", "check FILE --nothing", "token sign"]
)
def test_the_look_at_commands_can_fail(words: str) -> None:
    assert _fault(words.split())
