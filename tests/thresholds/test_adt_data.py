"""Every file of `tests/data/adt`, and the faults that the check finds in it."""

from collections.abc import Iterable

import pytest

from tests.support.adt import DATA, check
from thresholds.faults import Severity

FOUND: dict[str, tuple[tuple[int, int, str], ...]] = {
    "bad-instants": (
        (2, 7, "bad_instant"),
        (3, 7, "bad_instant"),
        (4, 7, "bad_instant"),
        (5, 7, "bad_instant"),
        (6, 7, "bad_instant"),
        (7, 7, "bad_instant"),
        (8, 7, "bad_instant"),
    ),
    "bad-periods": (
        (2, 4, "bad_period"),
        (3, 4, "bad_period"),
        (4, 4, "bad_period"),
        (5, 4, "bad_period"),
        (6, 4, "bad_period"),
        (7, 4, "bad_period"),
        (8, 4, "bad_period"),
        (9, 4, "bad_period"),
        (10, 4, "bad_period"),
        (11, 4, "bad_period"),
    ),
    "blank-line": ((2, 0, "blank_line"), (4, 0, "blank_line"), (5, 0, "blank_line")),
    "byte-order-mark": ((1, 0, "byte_order_mark"),),
    "carriage-return-in-field": ((2, 0, "mixed_line_ends"), (2, 3, "line_break_in_field")),
    "carriage-return-twice": ((1, 0, "mixed_line_ends"),),
    "communication-unknown": (
        (2, 2, "unknown_communication"),
        (3, 2, "unknown_communication"),
        (4, 2, "missing_value"),
    ),
    "control-character": ((2, 3, "control_character"),),
    "duplicate-row": ((3, 1, "duplicate_row"),),
    "effective-from-in-past": ((2, 7, "effective_from_in_past"),),
    "effective-to-not-after-from": ((3, 8, "effective_to_not_after_from"),),
    "empty": ((0, 0, "empty_file"),),
    "exception-too-early": ((3, 7, "exception_too_early"),),
    "exception-without-standing": ((2, 8, "exception_without_standing"),),
    "formula": (
        (2, 2, "formula"),
        (3, 2, "formula"),
        (4, 3, "formula"),
        (5, 4, "formula"),
        (6, 7, "formula"),
    ),
    "header-misplaced": ((1, 4, "wrong_header"), (1, 5, "wrong_header")),
    "header-only": ((0, 0, "no_rows"),),
    "header-repeated": ((1, 8, "wrong_header"), (1, 8, "wrong_header")),
    "header-too-long": ((1, 9, "wrong_header"),),
    "header-too-short": ((1, 8, "wrong_header"),),
    "header-unknown": ((1, 4, "wrong_header"), (1, 4, "wrong_header")),
    "level-spellings": (
        (2, 5, "scientific_notation"),
        (3, 5, "plus_sign"),
        (4, 5, "leading_zeros"),
        (5, 5, "negative"),
        (6, 5, "unicode_digits"),
        (7, 5, "not_a_whole_number"),
        (8, 5, "blank_around_value"),
        (9, 5, "level_too_large"),
        (10, 5, "not_a_whole_number"),
    ),
    "line-break-in-field": ((2, 3, "line_break_in_field"), (3, 7, "ragged_row")),
    "line-too-long": ((2, 0, "line_too_long"),),
    "mixed-effective-from": ((3, 7, "mixed_effective_from"),),
    "mixed-line-ends": ((2, 0, "mixed_line_ends"),),
    "no-final-newline": ((2, 0, "no_final_newline"),),
    "nul-byte": ((2, 3, "nul_byte"),),
    "old-macintosh-line-ends": (
        (1, 0, "mixed_line_ends"),
        (1, 8, "line_break_in_field"),
        (1, 0, "no_final_newline"),
    ),
    "overlapping-exceptions": ((4, 7, "overlapping_exceptions"),),
    "quote-never-closed": ((3, 2, "line_break_in_field"),),
    "quote-not-whole-cell": ((2, 2, "quote_fault"),),
    "ragged-long": ((2, 9, "ragged_row"),),
    "ragged-short": ((3, 3, "ragged_row"),),
    "right-to-left-override": ((2, 2, "control_character"),),
    "role-may-not-send": ((2, 3, "role_may_not_send"),),
    "saved-as-windows-1252": ((3, 3, "bad_encoding"),),
    "second-standing": ((3, 7, "second_standing"),),
    "service-unknown": ((2, 3, "unknown_service"), (3, 3, "unknown_service"), (4, 3, "unknown_service")),
    "spc-not-critical": ((2, 2, "spc_not_critical"), (3, 2, "spc_not_critical"), (4, 2, "spc_not_critical")),
    "sr-for-critical": ((2, 2, "sr_for_critical"),),
    "user-id-form": ((2, 1, "bad_user_id"), (3, 1, "bad_user_id"), (4, 1, "bad_user_id")),
    "user-id-not-ours": ((2, 1, "not_our_user_id"),),
    "valid-crlf": (),
    "valid-design-example": (),
    "valid-every-kind-of-service": (),
    "valid-quoted-cells": (),
    "value-too-long": ((2, 3, "value_too_long"),),
    "warning-above-quarantine": ((2, 5, "warning_above_quarantine"),),
    "warning-equals-quarantine": ((2, 5, "warning_equals_quarantine"),),
}
"""Line, column and code of each fault, errors before warnings."""

WARNINGS = {
    "effective_from_in_past",
    "no_final_newline",
    "sr_for_critical",
    "warning_equals_quarantine",
}


def test_every_file_has_its_faults_written_down() -> None:
    assert {path.stem for path in DATA.glob("*.csv")} == set(FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_a_file_has_exactly_its_faults_at_their_line_and_column(name: str) -> None:
    path = DATA / f"{name}.csv"
    found = check(path.read_bytes(), name=path.name)
    faults = (*found.faults, *found.warnings)
    assert tuple((fault.line, fault.column, fault.code) for fault in faults) == FOUND[name]
    assert found.fault_count + found.warning_count == len(faults)


@pytest.mark.parametrize("name", FOUND)
def test_a_file_is_accepted_if_it_has_warnings_only(name: str) -> None:
    found = check((DATA / f"{name}.csv").read_bytes())
    codes = {code for _, _, code in FOUND[name]}
    assert found.accepted is (codes <= WARNINGS)
    assert bool(found.thresholds) is found.accepted
    assert {fault.code for fault in found.warnings} == codes & WARNINGS
    assert all(fault.severity is Severity.WARNING for fault in found.warnings)


@pytest.mark.parametrize("name", FOUND)
def test_every_fault_can_be_shown_and_says_what_to_do(name: str) -> None:
    found = check((DATA / f"{name}.csv").read_bytes())
    for fault in (*found.faults, *found.warnings):
        assert fault.remedy
        assert all(text.isprintable() for text in (fault.message, fault.value, fault.column_name))
        assert len(fault.value) <= 80


def _messages(name: str) -> Iterable[str]:
    found = check((DATA / f"{name}.csv").read_bytes())
    return [fault.message for fault in (*found.faults, *found.warnings)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("duplicate-row", "as line 2"),
        ("second-standing", "line 2 is"),
        ("overlapping-exceptions", "the one in line 3"),
        ("mixed-effective-from", "from line 2"),
        ("header-misplaced", "'WarningThreshold' is misplaced: expected 'Period'"),
        ("header-unknown", "'Window' is unknown: expected 'Period'"),
        ("header-repeated", "'EffectiveFrom' is repeated: expected 'EffectiveTo'"),
        ("header-too-short", "'EffectiveTo' is missing (column 8)"),
        ("header-too-long", "'Note' is unknown: expected no more columns"),
        ("ragged-short", "2 cells, the header has 8"),
        ("role-may-not-send", "has the roles ED, and none of them may send 7.2"),
    ],
)
def test_a_message_says_what_it_is_compared_with(name: str, said: str) -> None:
    assert any(said in message for message in _messages(name)), _messages(name)
