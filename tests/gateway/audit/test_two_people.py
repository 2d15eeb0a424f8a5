"""A chain whose records hash well is still worth nothing where a file was signed without a second person."""

from typing import Any

import pytest

from gateway.audit.record import AuditRecord, Entry, append
from gateway.audit.signed_file import FileKind
from gateway.audit.two_people import TwoPeople
from gateway.audit.verify import Place, verify_chain

SHA = "a" * 64
STEPS = (("ann", "submitted"), ("bob", "approved"), ("system", "signing"), ("system", "signed"))


def chain(kind: FileKind, *steps: tuple[str, str], **details: Any) -> list[AuditRecord]:
    records: list[AuditRecord] = []
    for actor, step in steps:
        detail = {"sha256": details.get(step, SHA)}
        entry = Entry(actor, kind.action(step), kind.subject(3), detail)
        records.append(append(records[-1] if records else None, entry, "2026-11-21T12:00:00Z"))
    return records


@pytest.mark.parametrize("kind", FileKind)
def test_a_signature_after_the_approval_of_another_person_is_good(kind: FileKind) -> None:
    assert verify_chain(chain(kind, *STEPS)).intact


@pytest.mark.parametrize("kind", FileKind)
def test_a_signature_without_its_content_is_named_by_its_number(kind: FileKind) -> None:
    """Somebody who blanks it in an export and calls it withheld cannot hide which one it was."""
    records = chain(kind, *STEPS)
    blank = AuditRecord(records[-1].number, b"", records[-1].hash, withheld=True)
    verdict = verify_chain([*records[:-1], blank], may_be_withheld=True)
    assert (verdict.intact, verdict.withheld, verdict.withheld_numbers) == (True, 1, (4,))
    assert not verify_chain([*records[:-1], blank]).intact


@pytest.mark.parametrize("kind", FileKind)
@pytest.mark.parametrize(
    ("steps", "details", "why"),
    [
        ((STEPS[0], STEPS[3]), {}, "no record before says that a second person approved it"),
        ((STEPS[1], STEPS[3]), {}, "no record before says that it was submitted"),
        ((STEPS[0], ("ann", "approved"), STEPS[3]), {}, "ann both submitted and approved it"),
        ((STEPS[0], STEPS[3], STEPS[1]), {}, "no record before says that a second person approved it"),
        (STEPS, {"signed": "b" * 64}, "its bytes are not those that were approved"),
        (STEPS, {"approved": "b" * 64}, "its bytes are not those that were approved"),
        (STEPS, {"submitted": None, "approved": None, "signed": None}, "its bytes are not those"),
    ],
)
def test_a_signature_without_the_second_person_breaks_the_chain_where_it_stands(
    kind: FileKind, steps: tuple[tuple[str, str], ...], details: dict[str, Any], why: str
) -> None:
    verdict = verify_chain(chain(kind, *steps, **details))
    signed = [step for _, step in steps].index("signed") + 1
    assert (verdict.intact, verdict.wrong_number) == (False, signed)
    assert why in verdict.reason


def test_one_kind_of_file_is_not_signed_on_the_approval_of_another() -> None:
    records = chain(FileKind.ADT, *STEPS[:2])
    entry = Entry(
        "system", FileKind.EXIT_QUARANTINE.action("signed"), FileKind.ADT.subject(3), {"sha256": SHA}
    )
    verdict = verify_chain([*records, append(records[-1], entry, "2026-11-21T12:00:00Z")])
    assert "that is no exit-quarantine" in verdict.reason


def test_an_approval_in_an_earlier_part_counts() -> None:
    records, people = chain(FileKind.EXIT_QUARANTINE, *STEPS), TwoPeople()
    first = verify_chain(records[:2], people=people)
    place = Place(first.last_number, first.last_hash)
    assert verify_chain(records[2:], after=place, people=people).intact
