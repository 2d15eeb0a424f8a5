"""The parts of the documents that are made from the code: `python -m tests.support.documents --write`.

A document marks each by `<!-- name -->` and `<!-- /name -->` on lines of their own.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

import click
import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.access import PERMISSIONS, Role
from gateway.cli import cli
from gateway.errors import ExitCode
from gateway.settings import Settings
from thresholds.profile import Rules

ROOT: Final = Path(__file__).parents[2]

EXIT_MEANINGS: Final = re.compile(r"(\d+) ([a-z ]+?)(?:,|\.$)")
"""The sentence about exit codes in the help of the command: number and meaning."""

RULE_TEXTS: Final = {
    "warning_equals_quarantine": "The warning level is as high as the quarantine level: no warning comes first.",
    "effective_from_in_past": "The row would have come into force before now.",
    "mixed_effective_from": "Standing thresholds begin at different times: the file comes into force, and replaces, at the earliest.",
    "exception_without_standing": "An exception replaces a standing threshold that is not there.",
    "spc_not_critical": "`SPC`, `TRANSFORM` or `S1C` for a service that has no critical variant.",
    "sr_for_critical": "`SR` for a service that has critical variants alone: nothing would be counted.",
    "role_may_not_send": "No User Role of the User ID may send the service.",
    "no_final_newline": "The last line has no line break: the file may have been cut off.",
}


def documents() -> list[Path]:
    """Return every document of the project."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def _table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(headers)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def verbs() -> str:
    """Return the list of verbs as `adt-gateway --help` prints it on a terminal of 100 columns."""
    context = click.Context(cli, info_name="adt-gateway", terminal_width=100, max_content_width=100)
    text = cli.get_help(context)
    lines = text[text.index("Verbs:") :].splitlines()[1:]
    return "\n".join(["```", *(line.removeprefix("  ") for line in lines), "```"])


def exit_codes() -> str:
    """Return the exit codes with what the help of the command calls them."""
    sentence = " ".join((cli.help or "").partition("Exit codes:")[2].split())
    meanings = {int(number): meaning for number, meaning in EXIT_MEANINGS.findall(sentence)}
    return _table(["exit code", "meaning"], [[str(int(code)), meanings[code]] for code in ExitCode])


def settings() -> str:
    """Return every setting with its default and what it is; keys of tables dotted."""
    rows = _settings(Settings, "", optional=False)
    return _table(["setting", "default", "what it is"], rows)


def _settings(model: type[BaseModel], prefix: str, *, optional: bool) -> Iterator[list[str]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        section, many = _section(field.annotation)
        if field.description:
            yield [f"`{key}`", _default(field, optional=optional), field.description]
        if section is not None:
            may_be_absent = optional or many or field.default is None
            yield from _settings(section, f"{key}[]." if many else f"{key}.", optional=may_be_absent)


def _section(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the table that a setting holds, if it does, and whether it holds many."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    inner = [each for each in get_args(annotation) if each not in {NoneType, Ellipsis}]
    if get_origin(annotation) in {Union, UnionType}:
        return _section(inner[0])
    if get_origin(annotation) is tuple:
        return _section(inner[0])[0], True
    return None, False


def _default(field: FieldInfo, *, optional: bool) -> str:
    if field.default is PydanticUndefined:
        return "needed in this table" if optional else "needed"
    if field.default is None or field.default in ((), ""):
        return "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`"


def roles() -> str:
    """Return who may do what."""
    rows = [
        [str(action), *("yes" if role in allowed else "" for role in Role)]
        for action, allowed in PERMISSIONS.items()
    ]
    return _table(["", *map(str, Role)], rows)


def rules() -> str:
    """Return the rules of a profile with what each weighs unless set."""
    rows = [
        [f"`{name}`", str(weight), RULE_TEXTS[name]]
        for name, weight in msgspec.structs.asdict(Rules()).items()
    ]
    return _table(["rule", "unless set", "what breaks it"], rows)


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "verbs": verbs,
    "exit-codes": exit_codes,
    "settings": settings,
    "roles": roles,
    "rules": rules,
}


def marked(text: str) -> list[str]:
    """Return the names of the blocks that *text* marks."""
    return re.findall(r"^<!-- ([a-z-]+) -->$", text, re.MULTILINE)


def rewritten(text: str) -> str:
    """Return *text* with every marked block made anew; raise `KeyError` for one that nothing makes."""
    for name in marked(text):
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not closed or begin in after:
            message = f"the block {name} is not closed, or is there more than once"
            raise ValueError(message)
        text = f"{before}{begin}{BLOCKS[name]()}\n{end}{after}"
    return text


def main(arguments: list[str]) -> int:
    """Name the documents that differ from the code; with `--write` mend them. Return 1 where one differed."""
    stale = [path for path in documents() if rewritten(path.read_text("utf-8")) != path.read_text("utf-8")]
    for path in stale:
        print(path.relative_to(ROOT))  # noqa: T201 - the names are what this command is for
        if "--write" in arguments:
            path.write_text(rewritten(path.read_text("utf-8")), "utf-8")
    return 1 if stale and "--write" not in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
