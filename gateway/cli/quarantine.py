"""Decisions on quarantined requests, as people drive them."""

from pathlib import Path
from typing import Any

import click

from gateway.cli.client import ask
from gateway.cli.files import download, show
from gateway.cli.output import as_json, plural, print_json, table, talk
from gateway.errors import ExitCode

DECISIONS = "/api/v1/quarantine/decisions"
reason = click.option("--reason", required=True, help="Why; it goes on record.")
number = click.argument("number", type=int)


@click.group()
def quarantine() -> None:
    """Release or delete what the DCC holds, with a second person."""


@quarantine.command()
@click.option("--state", default="held", help="held (the default), decided, released, deleted or ended.")
@click.option("--event", default="", help="Quarantine event reference.")
@click.option("--user", default="", help="User ID (EUI-64).")
@as_json
def held(state: str, event: str, user: str, as_json: bool) -> None:
    """List the requests that the DCC holds, who waits longest first, with what our own count says of each."""
    given = {name: value for name, value in {"event": event, "user": user}.items() if value}
    found = ask(lambda client: client.get("/api/v1/quarantined", state=state, **given))
    if as_json:
        print_json(found)
        return
    if not found["requests"]:
        talk("No request matches: the DCC holds none of ours that we know of in this state.")
        return
    rows = [
        [
            str(each["id"]),
            f"{each['state']} by the DCC"
            if each["state"] == "ended" and each["decision_id"] is None
            else each["state"],
            each["received_at"],
            each["event_ref"],
            each["breach"],
            each["matched"],
            each["service_reference_variant"] or "-",
            each["request_id"],
        ]
        for each in found["requests"]
    ]
    table(["number", "state", "since", "event", "held for", "our own count", "service", "request"], rows)
    if found["count"] > len(rows):
        talk(f"The first {len(rows)} of {plural(found['count'], 'request')}; --event or --user shows others.")


@quarantine.command()
@as_json
def decisions(as_json: bool) -> None:
    """List decisions, newest first."""
    found = ask(lambda client: client.get(DECISIONS))
    if as_json:
        print_json(found)
        return
    if not found["decisions"]:
        talk("There are no decisions yet. Make one: adt-gateway quarantine decide --help")
        return
    rows = [
        [
            str(each["number"]),
            each["state"],
            each["action"],
            f"{each['ended_requests']} of {each['requests']}",
            each["oldest_at"],
            each["file"]["submitted_by"],
            each["file"]["approved_by"] or "-",
            each["reason"][:40],
        ]
        for each in found["decisions"]
    ]
    head = ["number", "state", "action", "ended", "held since", "proposed by", "approved by", "reason"]
    table(head, rows)


@quarantine.command(name="show")
@number
@as_json
def show_decision(number: int, as_json: bool) -> None:
    """Show decision NUMBER with its requests."""
    found = ask(lambda client: client.get(f"{DECISIONS}/{number}"))
    if as_json:
        print_json(found)
        return
    show({name: value for name, value in found.items() if name not in {"rows", "file", "delivery"}})
    show({name: value for name, value in found["file"].items() if name not in {"id", "reason", "state"}})
    if found["delivery"]:
        show(found["delivery"])
    rows = [
        [str(row["line"]), row["event_ref"], row["request_id"], row["matched"], row["ended_how"] or "-"]
        for row in found["rows"]
    ]
    table(["line", "event", "request", "our own count", "ended"], rows)


@quarantine.command()
@click.argument("action", type=click.Choice(["release", "delete"]))
@click.option("--event", "event_ref", default="", help="Quarantine event reference.")
@click.option("--user", "user_id", default="", help="User ID (EUI-64).")
@click.option("--service", default="", help="Service reference variant, such as 7.2.")
@click.option("--incident", default=0, help="Number of a candidate incident.")
@click.option(
    "--breach",
    type=click.Choice(["user_threshold", "dcc_threshold", "attribute_limits"]),
    help="Kind of breach that the DCC named.",
)
@click.option("--number", "numbers", multiple=True, type=int, help="Number of a held request; repeatable.")
@reason
@click.option("--yes", is_flag=True, help="Do not ask; without it what is covered is shown first.")
@as_json
def decide(action: str, reason: str, yes: bool, as_json: bool, **given: Any) -> int:
    """Propose to release or delete the held requests that match every condition."""
    chosen = {name: value for name, value in given.items() if value}
    covered = ask(lambda client: client.post("/api/v1/quarantine/preview", chosen))
    if not yes:
        for each in covered["requests"]:
            talk(f"{each['id']}  {each['event_ref']}  {each['request_id']}  {each['matched']}")
        not_seen = sum(each["matched"] == "unknown" for each in covered["requests"])
        if not_seen:
            talk(
                f"{not_seen} of these were not seen leaving: find out who sent them before anything is released."
            )
        if covered["without_service"]:
            talk(
                f"{plural(covered['without_service'], 'more request')} left out: the service is not known "
                "(adt-gateway quarantine held). Choose by --event or --number."
            )
        more = ", the first of more" if covered["more"] else ""
        click.confirm(
            f"{action.capitalize()} {plural(covered['count'], 'request')}{more}?", abort=True, err=True
        )
    body = {"action": action.upper(), "reason": reason, "chosen": chosen, "seen": covered["seen"]}
    made = ask(lambda client: client.post(DECISIONS, body))
    if as_json:
        print_json(made)
    else:
        talk(
            f"Decision {made['number']} waits for a second person: adt-gateway quarantine approve {made['number']}"
        )
        show({name: value for name, value in made.items() if name != "file"})
    return ExitCode.DONE


@quarantine.command()
@number
@as_json
def approve(number: int, as_json: bool) -> None:
    """Approve decision NUMBER, which somebody else proposed; its file is signed and delivered."""
    show(ask(lambda client: client.post(f"{DECISIONS}/{number}/approve")), as_json)


@quarantine.command()
@number
@reason
@as_json
def reject(number: int, reason: str, as_json: bool) -> None:
    """Reject decision NUMBER; its requests are held as before."""
    show(ask(lambda client: client.post(f"{DECISIONS}/{number}/reject", {"reason": reason})), as_json)


@quarantine.command()
@number
@reason
@as_json
def withdraw(number: int, reason: str, as_json: bool) -> None:
    """Withdraw your own decision NUMBER before it is signed."""
    show(ask(lambda client: client.post(f"{DECISIONS}/{number}/withdraw", {"reason": reason})), as_json)


@quarantine.command()
@number
@click.option("--reference", required=True, help="What the DCC answered; it goes on record.")
@as_json
def acknowledge(number: int, reference: str, as_json: bool) -> None:
    """Record that the DCC acknowledged the file of decision NUMBER."""
    body = {"reference": reference}
    show(ask(lambda client: client.post(f"{DECISIONS}/{number}/acknowledge", body)), as_json)


@quarantine.command(name="handed-over")
@number
@click.option("--reference", required=True, help="Of the receipt that you got; it goes on record.")
@as_json
def handed_over(number: int, reference: str, as_json: bool) -> None:
    """Record that you handed the signed file NUMBER over yourself; ADT files too."""
    body = {"reference": reference}
    show(ask(lambda client: client.post(f"/api/v1/adt-files/{number}/handed-over", body)), as_json)


@quarantine.command()
@number
@reason
@click.option("--line", "lines", multiple=True, type=int, help="Line of the file; all that are left without.")
@as_json
def ended(number: int, reason: str, lines: tuple[int, ...], as_json: bool) -> None:
    """Record that requests of decision NUMBER have ended, though no answer was seen."""
    body = {"reason": reason, "lines": lines}
    done = ask(lambda client: client.post(f"{DECISIONS}/{number}/ended", body))
    show({name: value for name, value in done.items() if name != "file"} if not as_json else done, as_json)


@quarantine.command()
@number
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder to write to; the present one if not given.",
)
@as_json
def fetch(number: int, folder: Path, as_json: bool) -> None:
    """Download the file of decision NUMBER, its signature and its receipt."""
    download(number, folder, as_json)
