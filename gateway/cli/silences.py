"""Silences and planned-work windows."""

import re
import time
from typing import Any, Final

import click

from gateway.cli.client import ask
from gateway.cli.output import as_json, plural, print_json, table, talk
from gateway.cli.words import utc
from gateway.clock import to_text
from gateway.errors import InvalidInput

SILENCES: Final = "/api/v1/silences"
_LASTS: Final = re.compile(r"([0-9]{1,5})([mhd])")
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}


_every = click.option("--all", "every", is_flag=True, help="Those that are over too.")


@click.group(invoke_without_command=True)
@_every
@as_json
@click.pass_context
def silences(ctx: click.Context, every: bool, as_json: bool) -> None:
    """List, add or end silences: they mute alerts for a time, and never an incident or its evidence."""
    if ctx.invoked_subcommand is None:
        _list(every, as_json)


@silences.command("list")
@_every
@as_json
def list_silences(every: bool, as_json: bool) -> None:
    """List the silences that are active or planned, the newest first."""
    _list(every, as_json)


def _list(every: bool, as_json: bool) -> None:
    found = ask(lambda client: client.get(SILENCES, state="all" if every else "holding"))["silences"]
    if as_json:
        print_json(found)
    elif not found:
        talk("No silence is active or planned.")
    else:
        headers = ["number", "state", "what", "about", "from", "to", "by", "muted", "reason"]
        table(headers, [_row(each) for each in found])


def _row(silence: dict[str, Any]) -> list[str]:
    what = "planned work" if silence["planned_work"] else "silence"
    times = [utc(silence["begins_at"]), utc(silence["ended_at"] or silence["ends_at"])]
    about = [str(silence["id"]), silence["state"], what, _about(silence)]
    return [*about, *times, silence["created_by"], str(silence["muted_count"]), silence["reason"]]


def _about(silence: dict[str, Any]) -> str:
    names = ("kind", "level", "user_id", "communication", "service")
    parts = [silence[name] for name in names if silence[name]]
    return " ".join([*parts, *(["quarantine-too"] if silence["quarantine"] else [])])


@silences.command()
@click.argument("number", type=int)
@as_json
def show(number: int, as_json: bool) -> None:
    """Show silence NUMBER and the alerts that it muted."""
    found = ask(lambda client: client.get(f"{SILENCES}/{number}"))
    if as_json:
        print_json(found)
        return
    talk(
        f"Silence {number}, {found['state']}: {found['reason']}. It muted {plural(found['muted_count'], 'alert')}."
    )
    if found["muted"]:
        rows = [
            [
                str(each["incident"]),
                each["event"],
                utc(each["muted_at"]),
                utc(each["told_at"]) if each["told_at"] else "-",
            ]
            for each in found["muted"]
        ]
        table(["incident", "alert", "muted", "told after all"], rows)
    if found["withheld"]:
        talk(f"Not listed: {plural(found['withheld'], 'alert')} of classified incidents.")


@silences.command()
@click.option(
    "--reason", required=True, help="Who does what; it goes on record, and to the SOC with what is told."
)
@click.option("--for", "lasts", metavar="TIME", help="How long it lasts: 30m, 4h, 2d.")
@click.option("--until", help="When it ends: 2026-12-01T08:00:00Z.")
@click.option("--from", "begins", help="When it begins; now where it is left out.")
@click.option("--kind", default="", help="Only this kind, such as threshold or source_silent.")
@click.option("--level", default="", help="Only warning or quarantine.")
@click.option("--user-id", default="", help="Only this User ID.")
@click.option("--class", "communication", default="", help="Only this class, as the threshold names it.")
@click.option("--service", default="", help="Only this service, as the threshold names it.")
@click.option("--planned-work", is_flag=True, help="Mark the incidents in it as planned work.")
@click.option(
    "--mute-quarantine-too", "quarantine", is_flag=True, help="Mute quarantine-level incidents too."
)
@as_json
def add(lasts: str | None, until: str | None, begins: str | None, as_json: bool, **about: Any) -> None:
    """Mute alerts for a time; name a kind or a User ID at least."""
    if (lasts is None) == (until is None):
        message = "give the end: either --for or --until"
        raise click.UsageError(message)
    body = about | {"ends_at": until or _end(lasts or "", begins), "begins_at": begins}
    made = ask(lambda client: client.post(SILENCES, body))
    if as_json:
        print_json(made)
    else:
        talk(f"Silence {made['id']} is created; it ends at {utc(made['ends_at'])}.")


def _end(lasts: str, begins: str | None) -> str:
    found = _LASTS.fullmatch(lasts)
    if found is None or begins is not None:
        msg = f"'{lasts[:20]}' is no length of time, or --from is given too"
        raise InvalidInput("silence_ends", msg, "Write 30m, 4h or 2d; with --from give --until.")
    return to_text(int(time.time()) + int(found[1]) * _UNITS[found[2]]).replace(".000", "")


@silences.command()
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why; it goes on record.")
@as_json
def end(number: int, reason: str, as_json: bool) -> None:
    """End silence NUMBER now; what it muted and is still open is told to the SOC."""
    ended = ask(lambda client: client.post(f"{SILENCES}/{number}/end", {"reason": reason}))
    if as_json:
        print_json(ended)
    else:
        talk(f"Silence {number} is over.")
