"""The parts of the documents that are made from the code: `python -m tests.support.documents --write`.

The figures are made from what a run of the benchmarks left: `--figures var/bench.json`.

A document marks each by `<!-- name -->` and `<!-- /name -->` on lines of their own.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

import click
import msgspec
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import gateway.metrics
from gateway.access import PERMISSIONS, Role
from gateway.alerts import cef
from gateway.alerts.channels.mail_text import mail
from gateway.alerts.channels.splunk import TAKES_NONE, TAKES_THESE_NOT
from gateway.alerts.kinds import KIND_TEXTS
from gateway.cli import cli
from gateway.errors import ExitCode
from gateway.live import (
    FileEvent,
    HeartbeatEvent,
    IncidentEvent,
    Kind,
    ResyncEvent,
    ThresholdsEvent,
    framed,
)
from gateway.operations.broadcast import RatesEvent
from gateway.operations.heartbeat import Beat
from gateway.operations.rates import ShownForecast, ShownRate
from gateway.operations.reload import RELOADABLE
from gateway.operations.retained_rates import retained
from gateway.settings import Settings
from tests.support.alerts import BREACH, FORECAST, HELD, NOT_SEEN, SILENT, an_alert, sample
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


def metrics() -> str:
    """Return the table of metrics, with the labels of each."""
    lines = ["| metric | labels | what it is |", "| --- | --- | --- |"]
    for family in sorted(vars(gateway.metrics).values(), key=lambda found: getattr(found, "_name", "")):
        if isinstance(family, MetricWrapperBase):
            suffix = "_total" if isinstance(family, Counter) else ""
            labels = ", ".join(f"`{label}`" for label in family._labelnames)
            lines.append(f"| `{family._name}{suffix}` | {labels} | {family._documentation} |")
    return "\n".join(lines)


def reloadable() -> str:
    """Return the settings that can change while the daemon runs."""
    return _table(
        ["setting", "its new value holds"], [[f"`{name}`", when] for name, when in RELOADABLE.items()]
    )


RATE: Final = ShownRate(
    user_id="90-B3-D5-1F-30-01-00-00",
    communication="SPC",
    service="7.2",
    period="PT1H",
    alignment="rolling",
    count=85,
    state="warning",
    exception=False,
    warning=80,
    quarantine=100,
    headroom=15,
    time_to_breach=ShownForecast(642, 401, 1103, "likely"),
    file_id=3,
)
AT: Final = "2026-12-01T12:00:00.000Z"
EVENTS: Final[dict[Kind, msgspec.Struct]] = {
    Kind.RESYNC: ResyncEvent("connected"),
    Kind.RATES: RatesEvent(AT, complete=False, rates=[RATE]),
    Kind.INCIDENT: IncidentEvent(
        "opened", 7, "threshold", "warning", "warning threshold passed: …", "candidate"
    ),
    Kind.FILE: FileEvent(3, "adt.csv", "in force"),
    Kind.THRESHOLDS: ThresholdsEvent(1300),
    Kind.HEARTBEAT: HeartbeatEvent(AT, "main", ready=True),
}
"""An example of each event."""


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def events() -> str:
    """Return an example of each event as it is sent, with what it says."""
    examples = [framed(kind, msgspec.json.encode(event)).decode().rstrip() for kind, event in EVENTS.items()]
    rows = [[f"`{kind}`", (type(event).__doc__ or "").strip()] for kind, event in EVENTS.items()]
    return "\n\n".join([_table(["event", "what it says"], rows), _code("", "\n\n".join(examples))])


def event_schemas() -> str:
    """Return the JSON Schema of every event."""
    schemas, components = msgspec.json.schema_components(map(type, EVENTS.values()))
    named = {str(kind): schema for kind, schema in zip(EVENTS, schemas, strict=True)}
    return _code("json", json.dumps({"events": named, "$defs": components}, indent=1))


def retained_rate() -> str:
    """Return an example of a retained message."""
    return _code("json", msgspec.json.format(retained(AT, "main", (RATE,)), indent=2).decode())


def beat() -> str:
    """Return an example of a heartbeat."""
    example = Beat(
        at=AT,
        instance="main",
        version=version("adt-gateway"),
        ready=False,
        not_ready=["broker"],
        communications=1_204_511,
        open_incidents=1,
        thresholds=1300,
        alerts_waiting=0,
    )
    return _code("json", msgspec.json.format(msgspec.json.encode(example), indent=2).decode())


def incident_kinds() -> str:
    """Return the kinds of candidate incidents, when they open and end, and what to do."""
    rows = [
        [
            f"`{kind}`",
            text.opens,
            text.ends,
            f"{text.do} [runbook](operations.md#{text.runbook.lower()})",
        ]
        for kind, text in KIND_TEXTS.items()
    ]
    return _table(["kind", "opens", "ends", "what to do"], rows)


def cef_fields() -> str:
    """Return every key of a CEF extension, with what one example says."""
    examples: dict[str, str] = {}
    for facts in (NOT_SEEN, HELD, SILENT, FORECAST, BREACH):
        alert = an_alert(facts=facts, title="quarantine threshold passed")
        examples |= {key: str(value) for key, value in cef.values(alert, "gw1").items()}
    rows = [[f"`{key}`", meaning, _shortened(examples[key])] for key, meaning in cef.FIELDS.items()]
    return _table(["key", "what it is", "example"], rows)


def _shortened(text: str) -> str:
    return f"`{text}`" if len(text) <= LONGEST_EXAMPLE else f"`{text[: LONGEST_EXAMPLE - 1]}…`"


LONGEST_EXAMPLE: Final = 40


def hec() -> str:
    """Return what to do for each code of Splunk's collector that the channel knows."""
    waits = {code: ("waits", do) for code, do in TAKES_NONE.items()}
    dead = {code: ("dead letter", do) for code, do in TAKES_THESE_NOT.items()}
    rows = sorted((waits | dead).items())
    return "\n".join(f"| {code} | {what} | {do} |" for code, (what, do) in rows)


def a_mail() -> str:
    """Return a mail as people read it."""
    shown = mail(sample(), "adt-gateway@example.org", ("soc@example.org",), "https://adt-gateway.example")
    return _code("", f"Subject: {shown['Subject']}\n\n{shown.get_content()}".rstrip())


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "verbs": verbs,
    "exit-codes": exit_codes,
    "settings": settings,
    "roles": roles,
    "rules": rules,
    "metrics": metrics,
    "reloadable": reloadable,
    "events": events,
    "event-schemas": event_schemas,
    "retained-rate": retained_rate,
    "beat": beat,
    "incident-kinds": incident_kinds,
    "cef-fields": cef_fields,
    "hec": hec,
    "mail": a_mail,
}


MEASURED: Final = "figures"
"""The block that no code makes: it is what a machine did once."""


def figures(measured: Any) -> str:
    """Return the table of what the benchmarks *measured* (the content of `var/bench.json`)."""
    rows = [_figure(each) for each in measured["figures"]]
    return _table(["what", "against", "measured", "aim"], rows)


def _figure(figure: dict[str, Any]) -> list[str]:
    bound = "at least" if figure["at_least"] else "at most"
    if figure["peer"] is None:
        value, aim = (
            f"{_number(figure['ours'])} {figure['unit']}",
            f"{_number(figure['aim'])} {figure['unit']}",
        )
    else:
        value = f"{_number(figure['value'])} times ({_number(figure['ours'])} {figure['unit']})"
        aim = f"{_number(figure['aim'])} times"
    missed = "" if figure["reached"] else ", **missed**"
    return [figure["what"], figure["against"] or "nothing", value, f"{bound} {aim}{missed}"]


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.3g}"


def with_figures(text: str, table: str) -> str:
    """Return *text* with *table* for its figures, where it marks a place for them."""
    return _replaced(text, MEASURED, table) if MEASURED in marked(text) else text


def marked(text: str) -> list[str]:
    """Return the names of the blocks that *text* marks."""
    return re.findall(r"^<!-- ([a-z-]+) -->$", text, re.MULTILINE)


def rewritten(text: str) -> str:
    """Return *text* with every marked block made anew; raise `KeyError` for one that nothing makes."""
    for name in marked(text):
        text = _replaced(text, name, None if name == MEASURED else BLOCKS[name]())
    return text


def _replaced(text: str, name: str, content: str | None) -> str:
    """Return *text* with other *content* of a block; None leaves what it holds. Raise `ValueError` for half a block."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = text.partition(begin)
    held, closed, after = rest.partition(end)
    if not closed or begin in after:
        message = f"the block {name} is not closed, or is there more than once"
        raise ValueError(message)
    return f"{before}{begin}{held if content is None else content + chr(10)}{end}{after}"


def main(arguments: list[str]) -> int:
    """Name the documents that differ from the code; with `--write` mend them. Return 1 where one differed.

    With `--figures FILE` put the figures of that file where they belong, and do no more.
    """
    if arguments[:1] == ["--figures"]:
        table = figures(json.loads(Path(arguments[1]).read_text("utf-8")))
        for path in documents():
            path.write_text(with_figures(path.read_text("utf-8"), table), "utf-8")
        return 0
    stale = [path for path in documents() if rewritten(path.read_text("utf-8")) != path.read_text("utf-8")]
    for path in stale:
        print(path.relative_to(ROOT))  # noqa: T201 - the names are what this command is for
        if "--write" in arguments:
            path.write_text(rewritten(path.read_text("utf-8")), "utf-8")
    return 1 if stale and "--write" not in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
