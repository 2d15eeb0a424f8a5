"""What people do with candidate incidents: one verb for each kind of step."""

import re
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.client import ask
from gateway.cli.output import as_json, print_json, talk
from gateway.errors import InvalidInput

INCIDENTS: Final = "/api/v1/incidents"
SHA256: Final = re.compile(r"[0-9a-f]{64}")

number = click.argument("number", type=int)
reason = click.option("--reason", required=True, help="Why; it goes on record and to the SOC.")
version = click.option(
    "--version",
    type=int,
    help="Version of the incident that was decided on (`show --json`); refused where somebody was quicker.",
)


def _do(number: int, verb: str, body: dict[str, Any], as_json: bool, done: str) -> None:
    """Ask the daemon to do a step, and say that it is done."""
    sent = {name: value for name, value in body.items() if value is not None}
    answer = ask(lambda client: client.post(f"{INCIDENTS}/{number}/{verb}", sent))
    if as_json:
        print_json(answer)
    else:
        talk(done.format(**answer))


def _step(number: int, state: str, reason: str, version: int | None, as_json: bool) -> None:
    body = {"state": state, "reason": reason, "version": version}
    done = f"Candidate incident {number} is {state.replace('_', ' ')}."
    _do(number, "step", body, as_json, done)


@click.command()
@number
@reason
@version
@as_json
def acknowledge(number: int, reason: str, version: int | None, as_json: bool) -> None:
    """Say that somebody has seen incident NUMBER and takes care of it."""
    _step(number, "acknowledged", reason, version, as_json)


@click.command()
@number
@reason
@version
@as_json
def investigate(number: int, reason: str, version: int | None, as_json: bool) -> None:
    """Say that incident NUMBER is being looked into; also takes a finding back."""
    _step(number, "investigating", reason, version, as_json)


@click.command()
@number
@reason
@version
@as_json
def confirm(number: int, reason: str, version: int | None, as_json: bool) -> None:
    """Find that something was wrong in incident NUMBER."""
    _step(number, "confirmed", reason, version, as_json)


@click.command()
@number
@click.option(
    "--as",
    "finding",
    type=click.Choice(["false-positive", "expected-work"]),
    required=True,
    help="What it was: nothing wrong, or meant.",
)
@reason
@version
@as_json
def dismiss(number: int, finding: str, reason: str, version: int | None, as_json: bool) -> None:
    """Find that incident NUMBER was nothing that has to be dealt with."""
    _step(number, finding.replace("-", "_"), reason, version, as_json)


@click.command()
@number
@click.option(
    "--as",
    "finding",
    type=click.Choice(["confirmed", "false-positive", "expected-work"]),
    help="What it was, where nobody has said so yet.",
)
@reason
@version
@as_json
def close(number: int, finding: str | None, reason: str, version: int | None, as_json: bool) -> None:
    """Close incident NUMBER; what it was has to be said before, or with it."""
    body = {"reason": reason, "finding": (finding or "").replace("-", "_"), "version": version}
    _do(number, "close", body, as_json, f"Candidate incident {number} is closed.")


@click.command()
@number
@reason
@version
@as_json
def reopen(number: int, reason: str, version: int | None, as_json: bool) -> None:
    """Open another incident that takes the closed incident NUMBER up again."""
    body = {"reason": reason, "version": version}
    _do(number, "reopen", body, as_json, "Candidate incident {id} takes it up again.")


@click.command()
@number
@click.argument("name", default="")
@version
@as_json
def assign(number: int, name: str, version: int | None, as_json: bool) -> None:
    """Say that NAME works on incident NUMBER; without NAME nobody does."""
    body = {"to": name, "version": version}
    _do(number, "assign", body, as_json, f"Candidate incident {number} is assigned to {name or 'nobody'}.")


@click.command()
@number
@click.argument("reference", default="")
@version
@as_json
def ticket(number: int, reference: str, version: int | None, as_json: bool) -> None:
    """Keep under which REFERENCE another system has incident NUMBER; without it under none."""
    _do(number, "ticket", {"reference": reference, "version": version}, as_json, "The ticket is kept.")


@click.command()
@number
@click.argument("text")
@as_json
def note(number: int, text: str, as_json: bool) -> None:
    """Add TEXT to the notes of incident NUMBER."""
    _do(number, "notes", {"text": text}, as_json, "The note is added; audit record {record}.")


@click.command()
@number
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_json
def attach(number: int, file: Path, as_json: bool) -> None:
    """Add FILE to incident NUMBER."""
    content = file.read_bytes()
    path = f"{INCIDENTS}/{number}/attachments"
    added = ask(lambda client: client.post(path, content, name=file.name))
    if as_json:
        print_json(added)
    else:
        talk(f"{added['name']} is added; its SHA-256 is {added['sha256']}.")


@click.command()
@number
@click.argument("sha256")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write; it may not exist."
)
@as_json
def download(number: int, sha256: str, output: Path, as_json: bool) -> None:
    """Write the attachment of incident NUMBER with this SHA256 into a file."""
    if not SHA256.fullmatch(sha256):
        raise InvalidInput("sha256_malformed", "that is no SHA-256 in lower case", "Take it from `show`.")
    content = ask(lambda client: client.get_bytes(f"{INCIDENTS}/{number}/attachments/{sha256}"))
    with output.open("xb") as file:
        file.write(content)
    if as_json:
        print_json({"files": [str(output)]})
    else:
        print(output)


@click.command()
@number
@click.argument("marking", type=click.Choice(["none", "confidential", "classified"]))
@click.option("--nominee", "nominees", multiple=True, help="May see it while it is classified, beside you.")
@reason
@version
@as_json
def mark(
    number: int, marking: str, nominees: tuple[str, ...], reason: str, version: int | None, as_json: bool
) -> None:
    """Set the MARKING of incident NUMBER; a classified one is for you and the nominees alone."""
    marking = "" if marking == "none" else marking
    body = {"marking": marking, "nominees": list(nominees), "reason": reason, "version": version}
    done = f"Candidate incident {number} is marked {marking}." if marking else "The marking is taken away."
    _do(number, "marking", body, as_json, done)


@click.command()
@number
@click.option(
    "--licence",
    multiple=True,
    type=click.Choice(["a", "b", "c"]),
    help="Letter of the licence's Security Incident (46.6/40.6); several may hold, none for no such.",
)
@click.option(
    "--sec", type=click.Choice(["none", "compromise", "major"]), required=True, help="Word of the SEC."
)
@reason
@version
@as_json
def classify(
    number: int, licence: tuple[str, ...], sec: str, reason: str, version: int | None, as_json: bool
) -> None:
    """Decide what incident NUMBER is in the words of the licence and of the SEC."""
    body = {"licence": list(licence), "sec": sec, "reason": reason, "version": version}
    _do(number, "classification", body, as_json, "The classification is decided.")


@click.command()
@number
@click.option("--whom", required=True, help="Who was told.")
@click.option("--at", "told_at", required=True, help="When, in UTC, such as 2026-12-01T08:30:00Z.")
@click.option("--reference", default="", help="Their reference.")
@as_json
def notify(number: int, whom: str, told_at: str, reference: str, as_json: bool) -> None:
    """Keep that somebody outside was told of incident NUMBER, as a duty asks."""
    body = {"whom": whom, "told_at": told_at, "reference": reference}
    _do(number, "notifications", body, as_json, "It is on record; audit record {record}.")


@click.command()
@number
@click.option("--with", "other", type=int, required=True, help="Number of the other incident.")
@reason
@version
@as_json
def merge(number: int, other: int, reason: str, version: int | None, as_json: bool) -> None:
    """Put incident NUMBER, and all of its group, into the group of another."""
    done = f"Candidate incidents {number} and {other} are in group {{group_id}}."
    _do(number, "merge", {"with": other, "reason": reason, "version": version}, as_json, done)


@click.command()
@number
@reason
@version
@as_json
def split(number: int, reason: str, version: int | None, as_json: bool) -> None:
    """Take incident NUMBER out of its group; it keeps all of its own."""
    done = f"Candidate incident {number} is in no group any more."
    _do(number, "split", {"reason": reason, "version": version}, as_json, done)


WORK: Final = (
    *(acknowledge, investigate, confirm, dismiss, close, reopen, assign, ticket, note, attach, download),
    *(mark, classify, notify, merge, split),
)
"""In the order in which they are used."""
