"""Verify the audit chain, or export it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from gateway.audit.record import AuditRecord
from gateway.audit.verify import verify_chain
from gateway.cli.client import Client, ask
from gateway.cli.output import as_json, print_json, talk
from gateway.cli.reading import read_input
from gateway.errors import ExitCode, InvalidInput

PAGE: Final = 1000
RECEIPT_BYTES: Final = 1024 * 1024


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
    help="Receipt or alert (JSON) kept elsewhere whose record must be in the chain.",
)
@as_json
def verify(export: Path | None, receipts: tuple[Path, ...], as_json: bool) -> int:
    """Verify the chain of EXPORT offline, or of the daemon; exit with 7 where it was changed."""
    records = _read_export(export) if export else iter(ask(_download))
    verdict = verify_chain(records, _anchors(receipts))
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(verdict))
    elif verdict.intact:
        print(
            f"INTACT: {verdict.records} records, the last is number {verdict.last_number}, hash {verdict.last_hash}"
        )
        if not receipts:
            talk(
                "Compare that hash with one kept elsewhere: the chain alone cannot show that its end was cut off."
            )
    else:
        print(f"BROKEN at record {verdict.wrong_number}: {verdict.reason}")
    return ExitCode.DONE if verdict.intact else ExitCode.SIGNATURE_WRONG


@audit.command()
def export() -> None:
    """Print every audit record as one line of JSON, for verification elsewhere."""
    for record in ask(_download):
        print_json({"number": record.number, "body": record.body.decode(), "hash": record.hash})


async def _download(client: Client) -> list[AuditRecord]:
    found: list[AuditRecord] = []
    while True:
        after = found[-1].number if found else 0
        page = (await client.get("/api/v1/audit", after=after, limit=PAGE))["records"]
        if not page:
            return found
        found.extend(_record(item) for item in page)


def _record(item: dict[str, Any]) -> AuditRecord:
    return AuditRecord(int(item["number"]), item["body"].encode(), item["hash"])


def _read_export(path: Path) -> Iterator[AuditRecord]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield _record(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    msg = f"{path}:{number} is not an exported audit record"
                    raise InvalidInput(
                        "export_malformed", msg, "Use the output of adt-gateway audit export."
                    ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "file_unreadable", f"{path} cannot be read: {error}", "Correct the path."
        ) from error


def _anchors(paths: tuple[Path, ...]) -> dict[int, str]:
    """Return the records that the receipts name; two that name one record must agree on its hash."""
    anchors: dict[int, str] = {}
    for path in paths:
        number, found = _anchor(path)
        if anchors.setdefault(number, found) != found:
            msg = f"{path} and another receipt name different hashes for record {number}"
            raise InvalidInput(
                "receipts_disagree", msg, "One of them is not of this chain: verify them one by one."
            )
    return anchors


def _anchor(path: Path) -> tuple[int, str]:
    try:
        content = json.loads(read_input(path, RECEIPT_BYTES))
        found = content.get("audit_record") or content["record"]
        return int(found["number"]), str(found["hash"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{path} names no audit record"
        raise InvalidInput(
            "receipt_malformed", msg, "Give a receipt or an alert as it was written."
        ) from error
