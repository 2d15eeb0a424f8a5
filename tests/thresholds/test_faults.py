"""Faults: what is shown of a value, and how many are kept."""

import random

from hypothesis import given
from hypothesis import strategies as st

from thresholds.faults import MAX_EXCERPT, MAX_FAULTS, Complaint, FaultList, Severity, at, excerpt


@given(st.text(max_size=200))
def test_an_excerpt_is_printable_and_short(text: str) -> None:
    shown = excerpt(text)
    assert shown.isprintable()
    assert len(shown) <= MAX_EXCERPT
    if text.isprintable() and len(text) <= MAX_EXCERPT:
        assert shown == text


def test_an_excerpt_shows_what_is_hidden() -> None:
    assert excerpt("a\0\u202eb\udcff") == "a\\x00\\u202eb\\udcff"
    assert excerpt("x" * 81) == "x" * 79 + "…"


def test_the_first_faults_are_kept_whatever_order_they_come_in() -> None:
    error = Complaint("e", "m", "r")
    warning = Complaint("w", "m", "r", severity=Severity.WARNING)
    off = Complaint("o", "m", "r", severity=Severity.OFF)
    lines = list(range(9_000))
    random.Random(1).shuffle(lines)
    found = FaultList()
    found.extend(at(error, line, 1) for line in lines)
    found.extend(at(warning, line, 1) for line in lines[:10])
    found.extend(at(off, line, 1) for line in lines)
    assert [fault.line for fault in found.kept(Severity.ERROR)] == list(range(MAX_FAULTS))
    assert found.count(Severity.ERROR) == 9_000
    assert [fault.line for fault in found.kept(Severity.WARNING)] == sorted(lines[:10])
    assert found.count(Severity.WARNING) == 10
