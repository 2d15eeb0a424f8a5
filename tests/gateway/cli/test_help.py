"""Help is there for every verb, comes quickly, and no option takes a secret."""

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from gateway.cli import VERBS, cli
from tests.gateway.cli.conftest import Run

HEAVY = ("aiohttp", "sqlalchemy", "pandas", "pydantic", "lxml", "cryptography", "pkcs11", "rich", "aiomqtt")


def _commands(command: click.Command = cli, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _commands(found, *path, name)


COMMANDS = list(_commands())
every_command = pytest.mark.parametrize(
    ("path", "command"), COMMANDS, ids=[" ".join(path) or "adt-gateway" for path, _ in COMMANDS]
)


def test_every_verb_of_the_interface_is_there() -> None:
    wanted = (
        "serve demo doctor check submit files approve reject withdraw fetch acknowledge verify token user "
        "duis replay rates incidents alerts silences quarantine audit"
    )
    assert list(VERBS) == wanted.split()
    assert {path for path, _ in COMMANDS if len(path) == 2} >= {
        *(("token", verb) for verb in ("init", "csr", "import", "show")),
        *(("user", verb) for verb in ("add", "list", "disable", "issue-token")),
        ("audit", "verify"),
    }


@every_command
def test_help_is_on_standard_output(path: tuple[str, ...], command: click.Command, run: Run) -> None:
    ran = run(*path, "--help")
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.startswith("Usage: adt-gateway")
    assert command.help


WALK = f"""
import click, sys
from gateway.cli import cli

def help_of_all(command):
    context = click.Context(command, info_name="x")
    command.get_help(context)
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        help_of_all(command.get_command(context, name))

help_of_all(cli)
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_help_of_no_verb_imports_what_is_slow() -> None:
    """All verbs in one fresh process: what none of them imports, each of them does not."""
    done = subprocess.run([sys.executable, "-c", WALK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@every_command
def test_no_option_takes_a_secret(path: tuple[str, ...], command: click.Command) -> None:
    """A secret on the command line shows in the list of processes; a file that holds it may be named."""
    del path
    for parameter in command.params:
        for name in [parameter.name or "", *parameter.opts]:
            words = set(re.split(r"[-_]", name.strip("-")))
            assert not words & {"pin", "password", "secret", "token", "key"} or words & {"file", "type"}, name


WITHOUT_JSON = {(), ("serve",), ("demo",), ("token",), ("user",), ("audit",), ("quarantine",)}
"""What runs on, and groups that do nothing themselves."""


@every_command
def test_every_verb_takes_json(path: tuple[str, ...], command: click.Command) -> None:
    options = {option for parameter in command.params for option in parameter.opts}
    assert ("--json" in options) is (path not in WITHOUT_JSON)


def test_the_check_for_secrets_can_fail() -> None:
    bad = click.Command("x", params=[click.Option(["--so-pin"])])
    with pytest.raises(AssertionError):
        test_no_option_takes_a_secret((), bad)


def test_the_version_is_that_of_the_distribution(run: Run) -> None:
    assert re.fullmatch(r"adt-gateway, version \d+\.\d+\.\d+\n", run("--version").out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["check"],
        ["check", "--nothing"],
        ["verify", "a", "b"],
        ["approve", "one"],
        ["reject", "1"],
    ],
    ids=" ".join,
)
def test_wrong_use_exits_with_2(arguments: list[str], run: Run) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Error:" in ran.err
