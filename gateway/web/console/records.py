"""Audit records as pages show them."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

import msgspec

from gateway.access import Action, Person
from gateway.audit.record import AuditRecord, Content

SUBJECT_PAGES: Final = MappingProxyType(
    {
        "incident": ("/incidents", Action.READ_MONITORING),
        "silence": ("/silences", Action.READ_MONITORING),
        "adt-file": ("/files", Action.READ_FILES),
        "exit-quarantine": ("/quarantine/decisions", Action.READ_FILES),
        "person": ("/people", Action.READ_PEOPLE),
    }
)
"""Where the subject of a record is shown, and what somebody who looks there has to be allowed."""


class ShownRecord(msgspec.Struct, frozen=True):
    """A record in a list; where its bytes are no record, `readable` is false and the rest is empty."""

    number: int
    hash: str
    readable: bool
    withheld: bool = False
    """Whether it is about a classified incident that others may see."""
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


def shown_records(records: Iterable[AuditRecord], person: Person) -> list[ShownRecord]:
    """Return *records* as they are listed for *person*."""
    return [shown_record(record, person) for record in records]


def shown_record(record: AuditRecord, person: Person) -> ShownRecord:
    """Return a record as it is listed for *person*."""
    content = read_content(record)
    if content is None:
        return ShownRecord(record.number, str(record.hash), readable=False, withheld=record.withheld)
    return ShownRecord(
        record.number,
        str(record.hash),
        readable=True,
        at=content.at,
        actor=content.actor,
        action=content.action,
        subject=content.subject,
        subject_path=subject_path(content.subject, person),
    )


def subject_path(subject: str, person: Person) -> str:
    """Return the page of a subject such as `incident/5`; empty where it has none that *person* may see."""
    kind, _, name = subject.partition("/")
    path, action = SUBJECT_PAGES.get(kind, ("", None))
    plain = name.isascii() and all(each.isalnum() or each in "._-" for each in name)
    return f"{path}/{name}" if action and name and plain and person.may(action) else ""
