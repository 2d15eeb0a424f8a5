"""Check ADT files without submitting them."""

import re
import time
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.output import as_json, fail, plural, print_json, talk
from gateway.cli.reading import read_input
from gateway.errors import ExitCode, InvalidInput

ADT_FILE_BYTES: Final = 16 * 1024 * 1024
"""Size of an ADT file at the most, as the daemon takes it."""

PathArgument = click.Path(path_type=Path)


def show_faults(name: str, faults: list[dict[str, Any]]) -> None:
    """Print one line for each fault, as compilers do, and its remedy below it; in the order of the file."""
    for fault in sorted(faults, key=lambda fault: (fault["line"], fault["column"])):
        place = f"{name}:{fault['line']}:{fault['column']}"
        column = f" {fault['column_name']}" if fault["column_name"] else ""
        value = "" if _names(fault["message"], fault["value"]) else f" {fault['value']!r}"
        print(f"{place}:{column} {fault['severity']}: {fault['message']}{value} [{fault['code']}]")
        print(f"    {fault['remedy']}")


def _names(message: str, value: str) -> bool:
    """Tell whether *message* says *value* already, as a word of its own."""
    return not value or bool(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", message))


@click.command()
@click.argument("files", nargs=-1, required=True, type=PathArgument)
@as_json
@click.pass_obj
def check(config: Path, files: tuple[Path, ...], as_json: bool) -> int:
    """Check ADT FILES against the profile; name every fault with file:line:column and a remedy."""
    import msgspec

    from gateway.operations.rules import load_rules
    from gateway.settings import load_settings

    rules = load_rules(load_settings(config))
    code = ExitCode.DONE
    for file in files:
        try:
            data = read_input(file, ADT_FILE_BYTES)
        except InvalidInput as error:
            code = fail(error)
            continue
        result = rules.check(file.name, data, int(time.time()))
        shown = msgspec.to_builtins(result)
        if as_json:
            del shown["thresholds"]
            print_json(shown | {"file": str(file), "accepted": result.accepted})
        else:
            show_faults(str(file), shown["faults"] + shown["warnings"])
            _summarise(file, result)
        if not result.accepted:
            code = ExitCode.INVALID_INPUT
    return code


def _summarise(file: Path, result: Any) -> None:
    hidden = result.fault_count - len(result.faults)
    if hidden:
        talk(f"{file}: {plural(hidden, 'more fault')} not shown")
    verdict = "accepted" if result.accepted else plural(result.fault_count, "fault")
    rest = f"{plural(result.rows, 'row')}, {plural(result.warning_count, 'warning')}"
    talk(f"{file}: {verdict}, {rest}, profile {result.profile}")
