"""Audit records as pages show them."""

from collections.abc import Iterable

import msgspec

from gateway.audit.record import AuditRecord, Content

SUBJECT_PAGES = {
    "incident": "/incidents",
    "adt-file": "/files",
    "person": "/people",
}
"""Where the subject of a record is shown."""


class ShownRecord(msgspec.Struct, frozen=True):
    """A record in a list; where its bytes are no record, `readable` is false and the rest is empty."""

    number: int
    hash: str
    readable: bool
    at: str = ""
    actor: str = ""
    action: str = ""
    subject: str = ""
    subject_path: str = ""


def read_content(record: AuditRecord) -> Content | None:
    """Return what a record says; None where its bytes say nothing that a record can say."""
    try:
        return msgspec.json.decode(record.body, type=Content)
    except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError):
        return None


def shown_records(records: Iterable[AuditRecord]) -> list[ShownRecord]:
    """Return *records* as they are listed."""
    return [shown_record(record) for record in records]


def shown_record(record: AuditRecord) -> ShownRecord:
    """Return a record as it is listed."""
    content = read_content(record)
    if content is None:
        return ShownRecord(record.number, str(record.hash), readable=False)
    return ShownRecord(
        record.number,
        str(record.hash),
        readable=True,
        at=content.at,
        actor=content.actor,
        action=content.action,
        subject=content.subject,
        subject_path=subject_path(content.subject),
    )


def subject_path(subject: str) -> str:
    """Return the page of a subject such as `incident/5`; empty where it has none."""
    kind, _, name = subject.partition("/")
    plain = name.isascii() and all(each.isalnum() or each in "._-" for each in name)
    return f"{SUBJECT_PAGES[kind]}/{name}" if kind in SUBJECT_PAGES and name and plain else ""
