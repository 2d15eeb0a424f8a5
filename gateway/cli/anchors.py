"""What was kept elsewhere of the audit chain: receipts of signatures, and alerts."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.alerts.message import SCHEMA as ALERT
from gateway.audit.receipt import SCHEMA as RECEIPT
from gateway.audit.receipt import Receipt, receipt_faults
from gateway.audit.record import Content
from gateway.cli.reading import read_input
from gateway.errors import InvalidInput

KEPT_BYTES: Final = 64 * 1024 * 1024
"""Size of a receipt or of a file of alerts at the most."""

OF_NO_RECORD: Final = frozenset({"test", "heartbeat"})
"""Alerts that tell of no record: a channel's file is full of them, and they anchor nothing."""


class Kept(msgspec.Struct, frozen=True):
    """The anchors of all the files that were given, the receipts by where they stand, and how many alerts."""

    anchors: Mapping[int, str]
    receipts: Mapping[str, Receipt]
    alerts: int

    def faults(self, records: Mapping[int, Content]) -> list[str]:
        """Return every field of every receipt that *records* say otherwise."""
        return [
            f"{place}: {fault}"
            for place, receipt in self.receipts.items()
            for fault in receipt_faults(receipt, records)
        ]


def read_kept(paths: tuple[Path, ...]) -> Kept:
    """Read receipts, alerts and files with an alert on each line; all that name one record must agree."""
    anchors: dict[int, str] = {}
    receipts: dict[str, Receipt] = {}
    alerts = 0
    for path in paths:
        for place, content in _documents(path):
            if content.get("schema") == ALERT:
                if content.get("event") in OF_NO_RECORD and content.get("record") is None:
                    continue
                number, found = _anchor(place, content.get("record"))
                alerts += 1
            else:
                receipts[place] = receipt = _receipt(place, content)
                number, found = receipt.audit_record.number, receipt.audit_record.hash
            if anchors.setdefault(number, found) != found:
                msg = f"{place} and something else that was given name different hashes for record {number}"
                raise InvalidInput(
                    "receipts_disagree", msg, "One of them is not of this chain: verify them one by one."
                )
    return Kept(anchors, receipts, alerts)


def _documents(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what *path* holds, one JSON document or one on each line, with its place."""
    data = read_input(path, KEPT_BYTES)
    try:
        yield str(path), _object(data)
    except ValueError:
        if not data.strip():
            raise _malformed(str(path)) from None
        yield from _lines(path, data)


def _lines(path: Path, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            place = f"{path}:{number}"
            try:
                yield place, _object(line)
            except ValueError:
                raise _malformed(place) from None


def _object(data: bytes) -> dict[str, Any]:
    """Return the JSON object of *data*; raise `ValueError` where there is none."""
    try:
        content = json.loads(data)
    except RecursionError:
        content = None
    if not isinstance(content, dict):
        msg = "no JSON object"
        raise ValueError(msg)  # noqa: TRY004 - one error for all that is malformed
    return content


def _anchor(place: str, found: Any) -> tuple[int, str]:
    if not isinstance(found, dict):
        raise _malformed(place)
    number, digest = found.get("number"), found.get("hash")
    if type(number) is not int or not isinstance(digest, str):
        raise _malformed(place)
    return number, digest


def _receipt(place: str, content: dict[str, Any]) -> Receipt:
    if content.get("schema") != RECEIPT:
        raise _malformed(place)
    try:
        return msgspec.convert(content, Receipt)
    except msgspec.ValidationError as error:
        msg = f"{place} is not a whole receipt: {error}"
        raise InvalidInput("receipt_malformed", msg, "Give a receipt as it was written.") from error


def _malformed(place: str) -> InvalidInput:
    remedy = (
        "Give a receipt, an alert or a file of alerts as it was written; take out a line that was cut off."
    )
    return InvalidInput("receipt_malformed", f"{place} is neither a receipt nor an alert", remedy)
