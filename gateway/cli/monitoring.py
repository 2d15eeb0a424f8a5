"""Rates and candidate incidents."""

from typing import Any

import click

from gateway.cli.client import ask
from gateway.cli.incident_page import page
from gateway.cli.incident_work import INCIDENTS, WORK
from gateway.cli.output import as_json, print_json, table, talk
from gateway.cli.words import forecast
from gateway.errors import ExitCode

COLUMNS = [
    *("user id", "class", "service", "window", "count", "warning", "quarantine"),
    *("headroom", "time to breach", "state"),
]


@click.command()
@as_json
def rates(as_json: bool) -> int:
    """Show every count beside its threshold, nearest to its quarantine level first; exit with 4 where one is passed.

    The time to breach is when the quarantine level is passed if requests go on arriving as they did of late; nine
    in ten such forecasts come true between the times in brackets.
    """
    found = ask(lambda client: client.get("/api/v1/rates"))["rates"]
    if as_json:
        print_json(found)
    elif not found:
        talk("No thresholds are in force. Submit an ADT file: adt-gateway submit FILE")
    else:
        table(
            COLUMNS,
            [_rate_row(rate) for rate in sorted(found, key=_nearness)],
        )
    return ExitCode.BREACH_FOUND if any(rate["state"] != "normal" for rate in found) else ExitCode.DONE


def _nearness(rate: dict[str, Any]) -> tuple[bool, int]:
    """Return the order of a rate: nearest to its quarantine level first, without a threshold last."""
    return rate["headroom"] is None, rate["headroom"] or 0


def _rate_row(rate: dict[str, Any]) -> list[str]:
    period = f"{rate['period']} {rate['alignment']}"
    levels = [
        "-" if rate[name] is None else str(rate[name]) for name in ("warning", "quarantine", "headroom")
    ]
    state = rate["state"] + (" (exception)" if rate["exception"] else "")
    return [
        rate["user_id"],
        rate["communication"],
        rate["service"],
        period,
        str(rate["count"]),
        *levels,
        forecast(rate["time_to_breach"]),
        state,
    ]


@click.group(invoke_without_command=True)
@click.option("--open", "only_open", is_flag=True, help="Only those that are not closed.")
@click.option("--kind", help="Only those of this kind, such as threshold or source_silent.")
@as_json
@click.pass_context
def incidents(ctx: click.Context, only_open: bool, kind: str | None, as_json: bool) -> None:
    """List candidate incidents, newest first."""
    if ctx.invoked_subcommand:
        return
    query = {"state": "open"} if only_open else {}
    query |= {"kind": kind} if kind else {}
    found = ask(lambda client: client.get(INCIDENTS, **query))["incidents"]
    if as_json:
        print_json(found)
    elif not found:
        talk("There are no candidate incidents.")
    else:
        columns = ["number", "kind", "state", "level", "opened", "marking", "title"]
        names = ("id", "kind", "state", "level", "opened_at", "marking", "title")
        table(columns, [[str(incident[name]) for name in names] for incident in found])


@incidents.command()
@click.argument("number", type=int)
@as_json
def show(number: int, as_json: bool) -> None:
    """Show incident NUMBER: what is known of it; of a breach who set the limit and the requests in excess."""
    found = ask(lambda client: client.get(f"{INCIDENTS}/{number}"))
    if as_json:
        print_json(found)
        return
    print(page(found))


for verb in WORK:
    incidents.add_command(verb)
