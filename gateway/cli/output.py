"""What the command line says, and where."""

import json
import sys
from typing import Any

import click

from gateway.errors import ExitCode, GatewayError

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def print_json(value: Any) -> None:
    """Print *value* as one line of JSON on standard output."""
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def talk(text: str) -> None:
    """Say something to the person, on standard error."""
    print(text, file=sys.stderr)


def fail(error: GatewayError) -> ExitCode:
    """Say what went wrong and what to do; return the exit code."""
    talk(f"error: {error.message} [{error.code}]")
    if error.remedy:
        talk(f"remedy: {error.remedy}")
    return error.exit_code


def table(headers: list[str], rows: list[list[str]]) -> None:
    """Print a table that a person reads and a pipe can cut; columns as wide as their content."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    for row in [headers, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
