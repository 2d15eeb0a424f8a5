"""Verify the audit chain, or export it."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from gateway.audit.receipt import STEPS
from gateway.audit.record import AuditRecord, Content
from gateway.audit.verify import ChainVerdict, verify_chain
from gateway.cli.anchors import Kept, read_kept
from gateway.cli.approvals import ACTIONS, approval_faults, read_approvals
from gateway.cli.client import Client, ask
from gateway.cli.output import as_json, plural, print_json, talk
from gateway.cli.words import spans
from gateway.errors import ExitCode, InvalidInput

PAGE: Final = 1000
NOTED: Final = frozenset(STEPS + ACTIONS)
LINE_BYTES: Final = 16 * 1024 * 1024
"""A line of an export at the most; the largest records name every User ID of a file."""


@click.group()
def audit() -> None:
    """Verify the audit chain, or export it."""


@audit.command()
@click.argument("export", type=click.Path(path_type=Path), required=False)
@click.option(
    "--receipt",
    "receipts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Receipt, alert or file of alerts (JSON lines) kept elsewhere, to be compared with the chain.",
)
@click.option(
    "--approval",
    "approvals",
    multiple=True,
    type=click.Path(path_type=Path),
    help="What a passkey gave at an approval (NAME.approval.json), to be verified and compared with the chain.",
)
@as_json
def verify(
    export: Path | None, receipts: tuple[Path, ...], approvals: tuple[Path, ...], as_json: bool
) -> int:
    """Verify the chain of EXPORT offline, or of the daemon.

    Exit with 7 where it, or what a receipt or a passkey says of it, was changed, and with 8 where there is nothing
    or where records about classified incidents are withheld from you.
    """
    kept = read_kept(receipts)
    given = read_approvals(approvals)
    steps: dict[int, Content] = {}
    records = _read_export(export) if export else iter(ask(_download))
    noted = steps if kept.receipts or given else None
    verdict = verify_chain(_noting(records, noted), kept.anchors, may_be_withheld=True)
    if verdict.intact and not verdict.records:
        return _nothing(as_json)
    faults = kept.faults(steps) + approval_faults(given, steps) if verdict.intact else []
    if as_json:
        compared = {
            "receipts": len(kept.receipts),
            "alerts": kept.alerts,
            "approvals": len(given),
            "receipt_faults": faults,
        }
        print_json(msgspec.to_builtins(verdict) | compared)
    else:
        _say(verdict, kept, faults)
        for place in given if verdict.intact and not faults else ():
            print(f"APPROVED: {place}: {given[place].summary}")
    if not verdict.intact or faults:
        return ExitCode.SIGNATURE_WRONG
    return ExitCode.COULD_NOT_VERIFY if verdict.withheld else ExitCode.DONE


def _nothing(as_json: bool) -> ExitCode:
    message, remedy = "there are no audit records", "Export them anew: adt-gateway audit export"
    if as_json:
        print_json({"intact": None, "code": "nothing_to_verify", "message": message, "remedy": remedy})
    else:
        print(f"COULD NOT VERIFY: {message} [nothing_to_verify]\nremedy: {remedy}")
    return ExitCode.COULD_NOT_VERIFY


def _say(verdict: ChainVerdict, kept: Kept, faults: list[str]) -> None:
    if not verdict.intact:
        print(f"BROKEN at record {verdict.wrong_number}: {verdict.reason}")
        return
    print(
        f"INTACT: {verdict.records} records, the last is number {verdict.last_number}, hash {verdict.last_hash}"
    )
    if verdict.withheld:
        print(
            f"NOT VERIFIED: {plural(verdict.withheld, 'record')} came without content (withheld): "
            f"{spans(verdict.withheld_numbers)}. "
            "Nothing shows what they are about. The gateway withholds those about classified incidents alone; whether "
            "these are, their nominees can verify"
        )
    for fault in faults:
        print(f"WRONG: {fault}")
    if kept.anchors:
        talk(f"Compared with it: {len(kept.receipts)} receipts, {kept.alerts} alerts.")
    else:
        talk(
            "Compare that hash with one kept elsewhere: the chain alone cannot show that its end was cut off."
        )


def _noting(records: Iterator[AuditRecord], steps: dict[int, Content] | None) -> Iterator[AuditRecord]:
    """Pass *records* on and keep in *steps* what those say that receipts and passkeys tell of.

    They are noted before they are verified and used only where all were found intact.
    """
    for record in records:
        if steps is not None and any(step.encode() in record.body for step in NOTED):
            with suppress(msgspec.DecodeError, RecursionError):
                content = msgspec.json.decode(record.body, type=Content)
                if content.action in NOTED:
                    steps[record.number] = content
        yield record


@audit.command()
@as_json
def export(as_json: bool) -> None:
    """Print every audit record as one line of JSON, with or without --json, for verification elsewhere."""
    del as_json
    for record in ask(_download):
        line = {"number": record.number, "body": record.body.decode(), "hash": record.hash}
        print_json(line | ({"withheld": True} if record.withheld else {}))


async def _download(client: Client) -> list[AuditRecord]:
    found: list[AuditRecord] = []
    while True:
        after = found[-1].number if found else 0
        page = (await client.get("/api/v1/audit", after=after, limit=PAGE))["records"]
        if not page:
            return found
        found.extend(_record(item) for item in page)


def _record(item: dict[str, Any]) -> AuditRecord:
    return AuditRecord(int(item["number"]), item["body"].encode(), item["hash"], bool(item.get("withheld")))


class _Line(msgspec.Struct, frozen=True):
    number: int
    body: str
    hash: str
    withheld: bool = False


def _read_export(path: Path) -> Iterator[AuditRecord]:
    try:
        with path.open("rb") as file:
            for number in itertools.count(1):
                line = file.readline(LINE_BYTES)
                if not line:
                    return
                yield _exported(f"{path}:{number}", line)
    except OSError as error:
        raise InvalidInput(
            "file_unreadable", f"{path} cannot be read: {error}", "Correct the path."
        ) from error


def _exported(place: str, line: bytes) -> AuditRecord:
    try:
        found = msgspec.json.decode(line, type=_Line)
        return AuditRecord(found.number, found.body.encode(), found.hash, found.withheld)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        msg = f"{place} is not an exported audit record"
        raise InvalidInput("export_malformed", msg, "Use the output of adt-gateway audit export.") from error
