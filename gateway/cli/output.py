"""What the command line says, and where."""

import json
import sys
from typing import Any, Final

import click

from gateway.errors import ExitCode, GatewayError

_AS_JSON: Final = "gateway.cli.as_json"
"""Where click's context remembers that JSON was asked for; all verbs of one command share it."""


def _remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    del parameter
    ctx.meta[_AS_JSON] = value or ctx.meta.get(_AS_JSON, False)
    return value


# Eager: known before another option is found wrong.
as_json = click.option(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_remember, help="Print JSON for machines."
)


def wants_json() -> bool:
    """Tell whether the command that runs was given `--json`."""
    ctx = click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.meta.get(_AS_JSON))


def print_json(value: Any) -> None:
    """Print *value* as one line of JSON on standard output."""
    print(_json(value))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def talk(text: str) -> None:
    """Say something to the person, on standard error."""
    print(text, file=sys.stderr)


def fail(error: GatewayError) -> ExitCode:
    """Say what went wrong and what to do, as one line of JSON after `--json`; return the exit code."""
    if wants_json():
        talk(_json({"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}))
        return error.exit_code
    talk(f"error: {error.message} [{error.code}]")
    if error.remedy:
        talk(f"remedy: {error.remedy}")
    return error.exit_code


def plural(number: int, thing: str) -> str:
    """Return *number* with the word for it: 1 row, 2 rows."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def table(headers: list[str], rows: list[list[str]]) -> None:
    """Print a table that a person reads and a pipe can cut; columns as wide as their content."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    for row in [headers, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
