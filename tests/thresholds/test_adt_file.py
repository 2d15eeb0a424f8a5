"""The check of an ADT file: values, limits, profile rules and what holds for any file."""

import hashlib
import string

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.adt import (
    DATA,
    GAS_SUPPLIER,
    GOOD_ROW,
    HEADER,
    NETWORK,
    PROFILE,
    PROFILE_TEXT,
    SUPPLIER,
    adt_text,
    check,
    many_rows,
)
from thresholds.adt_file import AdtCheck
from thresholds.faults import MAX_FAULTS, Severity
from thresholds.instant import format_instant
from thresholds.model import Alignment, Period, Threshold
from thresholds.profile import Profile, Rules, parse_profile

DECEMBER = 1_796_083_200


def codes(found: AdtCheck) -> list[str]:
    return [fault.code for fault in (*found.faults, *found.warnings)]


def row(**changes: str) -> tuple[str, ...]:
    names = ("user", "communication", "service", "period", "warning", "quarantine", "start", "end")
    return tuple({**dict(zip(names, GOOD_ROW, strict=True)), **changes}.values())


def test_the_example_of_the_design_gives_its_thresholds() -> None:
    found = check((DATA / "valid-design-example.csv").read_bytes())
    christmas = DECEMBER + 23 * 86_400
    day = Period(86_400, "P1D")
    assert found.thresholds == (
        Threshold(SUPPLIER, "SPC", "7.2", Period(3_600, "PT1H"), 80, 100, DECEMBER, line=2),
        Threshold(SUPPLIER, "SR", "4.1.1", day, 450_000, 500_000, DECEMBER, line=3),
        Threshold(SUPPLIER, "SR", "4.1.1", day, 900_000, 1_000_000, christmas, christmas + 259_200, line=4),
    )


def test_the_check_names_the_bytes_and_an_unverified_profile() -> None:
    data = adt_text([GOOD_ROW]).encode()
    found = check(data, name="adt.csv")
    assert (found.name, found.size, found.rows) == ("adt.csv", len(data), 1)
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.profile == "adt-1 (unverified)"


def test_a_lower_case_user_id_is_the_same_user_and_the_same_key() -> None:
    found = check(adt_text([GOOD_ROW, row(user=SUPPLIER.lower())]))
    assert codes(found) == ["duplicate_row"]


def test_all_faults_of_a_row_are_reported_with_column_names_and_values() -> None:
    found = check(adt_text([("x", "y", "z", "P", "1e5", "", "now", "then")]))
    assert [(f.column, f.column_name) for f in found.faults] == list(enumerate(HEADER.split(","), 1))
    assert [f.value for f in found.faults] == ["x", "y", "z", "P", "1e5", "", "now", "then"]


def test_a_bad_cell_does_not_hide_the_faults_between_the_others() -> None:
    assert codes(check(adt_text([row(period="x", warning="101")]))) == [
        "bad_period",
        "warning_above_quarantine",
    ]


@pytest.mark.parametrize("standing", [row(period="x"), GOOD_ROW[:-1], row(communication='"SPC')])
def test_an_exception_is_not_blamed_when_its_standing_row_cannot_be_read(standing: tuple[str, ...]) -> None:
    found = check(adt_text([standing, row(end="2026-12-03T00:00:00Z")]))
    assert "exception_without_standing" not in codes(found)
    assert {fault.line for fault in found.faults} == {2}


def test_exceptions_that_touch_do_not_overlap() -> None:
    first = row(start="2027-01-01T00:00:00Z", end="2027-01-02T00:00:00Z")
    second = row(start="2027-01-02T00:00:00Z", end="2027-01-03T00:00:00Z")
    assert check(adt_text([GOOD_ROW, first, second])).accepted


def test_an_overlap_is_found_behind_a_shorter_exception_and_shown_at_the_later_line() -> None:
    long = row(start="2027-01-01T00:00:00Z", end="2027-02-01T00:00:00Z")
    short = row(start="2027-01-02T00:00:00Z", end="2027-01-03T00:00:00Z")
    inside = row(start="2027-01-10T00:00:00Z", end="2027-01-11T00:00:00Z")
    found = check(adt_text([GOOD_ROW, inside, short, long]))
    assert [(f.line, f.message[-6:]) for f in found.faults] == [(5, "line 4"), (5, "line 3")]


def test_one_eligible_role_of_a_user_id_is_enough() -> None:
    assert check(adt_text([row(user=GAS_SUPPLIER)])).accepted
    assert codes(check(adt_text([row(user=NETWORK, communication="SR", service="4.1")]))) == []


def test_services_without_published_roles_are_not_refused() -> None:
    assert check(adt_text([row(user=NETWORK, service="7.16")])).accepted


@pytest.mark.parametrize(
    "name", ["", ".csv", "-adt.csv", "a/adt.csv", "../adt.csv", "adt.csv\n", "adt.txt", "a" * 97 + ".csv"]
)
def test_a_file_name_outside_the_profile_is_refused(name: str) -> None:
    assert codes(check(adt_text([GOOD_ROW]), name=name)) == ["bad_file_name"]


def test_a_file_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    data = adt_text([GOOD_ROW])
    small = msgspec.structs.replace(PROFILE, max_bytes=len(data))
    assert check(data, profile=small).accepted
    found = check(data + "\n", profile=small)
    assert (codes(found), found.rows) == (["file_too_large"], 0)


def test_too_many_rows_are_counted_and_not_read() -> None:
    found = check(HEADER + "\n" + ",,\n" * 200_000)
    assert (codes(found), found.rows) == (["too_many_rows"], 0)
    assert "200000 rows, more than 100000" in found.faults[0].message


def test_the_cap_on_rows_leaves_out_the_header() -> None:
    two = msgspec.structs.replace(PROFILE, max_rows=2)
    rows = [GOOD_ROW, row(service="7.1"), row(service="7.3")]
    assert check(adt_text(rows[:2]), profile=two).accepted
    assert codes(check(adt_text(rows), profile=two)) == ["too_many_rows"]
    assert codes(check(adt_text(rows).removesuffix("\n"), profile=two)) == ["too_many_rows"]


def test_the_first_thousand_faults_are_kept_in_file_order_and_all_are_counted() -> None:
    found = check(adt_text([row(user="x", end="y")] * 1_200))
    assert (len(found.faults), found.fault_count) == (MAX_FAULTS, 2_400)
    places = [(fault.line, fault.column) for fault in found.faults]
    assert places == [(line, column) for line in range(2, 502) for column in (1, 8)]


def test_a_level_may_be_zero_and_as_large_as_the_profile_says() -> None:
    low = msgspec.structs.replace(PROFILE, max_level=100)
    assert check(adt_text([row(warning="0")]), profile=low).accepted
    assert codes(check(adt_text([row(quarantine="101")]), profile=low)) == ["level_too_large"]


@pytest.mark.parametrize("rule", Rules.__struct_fields__)
def test_each_rule_is_an_error_a_warning_or_off(rule: str) -> None:
    path = DATA / f"{rule.replace('_', '-')}.csv"
    for severity in Severity:
        rules = msgspec.structs.replace(PROFILE.rules, **{rule: severity})
        found = check(path.read_bytes(), profile=msgspec.structs.replace(PROFILE, rules=rules))
        counts = (found.fault_count, found.warning_count)
        if severity is Severity.OFF:
            assert counts == (0, 0)
        else:
            assert (counts[0] > 0, counts[1] > 0) == (
                severity is Severity.ERROR,
                severity is Severity.WARNING,
            )


def test_a_line_end_that_the_profile_does_not_allow_is_refused() -> None:
    crlf = parse_profile(PROFILE_TEXT.replace('["CRLF", "LF"]', '["CRLF"]'))
    assert check(adt_text([GOOD_ROW], "\r\n"), profile=crlf).accepted
    assert codes(check(adt_text([GOOD_ROW]), profile=crlf)) == ["line_end_not_allowed"]


def test_calendar_windows_beyond_an_hour_have_whole_minutes() -> None:
    calendar = msgspec.structs.replace(PROFILE, alignment=Alignment.CALENDAR)
    assert codes(check(adt_text([row(period="PT1H1S")]), profile=calendar)) == ["bad_period"]
    assert check(adt_text([row(period="PT1H1S")])).accepted
    found = check(adt_text([GOOD_ROW]), profile=calendar)
    assert found.thresholds[0].alignment is Alignment.CALENDAR


OTHER = parse_profile("""
id = "other-2"
title = "Another order, other names, a reference in every row"
verified = true
separator = ";"
line_ends = ["CRLF"]
instant_format = "%d/%m/%Y %H:%M"
encoding = "ascii"
replaces = "rows"
columns = [
    {header = "SMSR", pattern = "SMSR-[0-9]{6}"},
    {header = "Service", field = "service"},
    {header = "User", field = "user_id"},
    {header = "Quarantine", field = "quarantine"},
    {header = "Warning", field = "warning"},
    {header = "From", field = "effective_from"},
    {header = "Version", constant = "1"},
    {header = "To", field = "effective_to"},
]
constants = {communication = "SPC", period = "PT1H"}
""")
OTHER_FILE = (
    "SMSR;Service;User;Quarantine;Warning;From;Version;To\r\n"
    f"SMSR-000123;7.2;{SUPPLIER};100;80;01/12/2026 00:00;1;\r\n"
)


def test_another_layout_needs_nothing_but_a_profile() -> None:
    found = check(OTHER_FILE, profile=OTHER)
    hour = Period(3_600, "PT1H")
    assert codes(found) == []
    assert found.thresholds == (Threshold(SUPPLIER, "SPC", "7.2", hour, 80, 100, DECEMBER, line=2),)
    assert found.profile == "other-2"


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("SMSR-000123", "SMSR-12", (2, 1, "unexpected_value")),
        (";1;", ";2;", (2, 7, "unexpected_value")),
        ("01/12/2026", "12/31/2026", (2, 6, "bad_instant")),
        ("100", "é", (2, 4, "bad_encoding")),
    ],
)
def test_the_other_layout_is_checked_as_strictly(good: str, bad: str, fault: tuple[int, int, str]) -> None:
    found = check(OTHER_FILE.replace(good, bad), profile=OTHER)
    assert [(f.line, f.column, f.code) for f in found.faults] == [fault]


def test_a_layout_without_an_end_has_standing_thresholds_only() -> None:
    columns = tuple(column for column in PROFILE.columns if column.field != "effective_to")
    profile = msgspec.structs.replace(PROFILE, columns=columns)
    data = "\n".join((",".join(profile.headers), ",".join(GOOD_ROW[:-1]), ""))
    assert check(data, profile=profile).thresholds[0].effective_to is None


def test_a_constant_that_cannot_be_read_is_a_fault_and_not_a_crash() -> None:
    profile = parse_profile(
        PROFILE_TEXT.replace('[[columns]]\nheader = "Period"\nfield = "period"\n', "").replace(
            "[constants]", '[constants]\nperiod = "hour"'
        )
    )
    data = "\n".join((",".join(profile.headers), ",".join((*GOOD_ROW[:3], *GOOD_ROW[4:])), ""))
    assert [(f.line, f.column, f.column_name) for f in check(data, profile=profile).faults] == [
        (2, 8, "period")
    ]


@settings(max_examples=400)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_check(data: bytes) -> None:
    assert not check(data).accepted


_PIECES = st.sampled_from(
    [*GOOD_ROW, HEADER, ",", ",", '"', "\n", "\r\n", "\r", "\0", "é", "\ud800", "=", " ", "1", ";"]
)


@settings(max_examples=400)
@given(st.lists(_PIECES, max_size=60), st.sampled_from([PROFILE, OTHER]))
def test_any_text_below_a_right_header_gives_a_check(pieces: list[str], profile: Profile) -> None:
    header = profile.separator.join(profile.headers) + "\n"
    data = (header + "".join(pieces)).encode("utf-8", "surrogatepass")
    found = check(data, profile=profile)
    assert found.accepted or found.faults
    assert [*found.faults] == sorted(found.faults, key=lambda fault: (fault.line, fault.column))


ROWS, USERS = many_rows(9_000)
_valid = st.lists(st.sampled_from(ROWS[::3]), min_size=1, max_size=12, unique_by=lambda row: row[:4])


@settings(max_examples=150)
@given(_valid, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_valid_file_is_accepted_and_gives_exactly_its_thresholds(
    rows: list[tuple[str, ...]], end: str, quoted: bool
) -> None:
    cells = [[f'"{cell}"' for cell in row] if quoted else row for row in rows]
    found = check(adt_text(cells, end), users=USERS)
    assert found.accepted
    assert [
        (
            t.user_id,
            t.communication,
            t.service,
            t.period.text,
            str(t.warning),
            str(t.quarantine),
            format_instant(t.effective_from),
            "",
        )
        for t in found.thresholds
    ] == rows
    assert [t.line for t in found.thresholds] == list(range(2, len(rows) + 2))


_BROKEN = st.sampled_from(
    ["=1", "x", " ", "1e5", "\t", "é", "\0", '"a"b', '"a', "x" * 200, "-1", "\x7f", "\u200b"]
)


@settings(max_examples=300)
@given(_valid, st.data())
def test_a_valid_file_with_one_cell_broken_is_refused_at_its_line_and_column(
    rows: list[tuple[str, ...]], data: st.DataObject
) -> None:
    line = data.draw(st.integers(0, len(rows)), label="line")
    column = data.draw(st.integers(0, 7), label="column")
    broken = data.draw(_BROKEN | st.text(string.ascii_letters, min_size=1).filter(lambda t: t not in _GOOD))
    table = [HEADER.split(","), *map(list, rows)]
    table[line][column] = broken
    text = "".join(",".join(cells) + "\n" for cells in table)
    found = check(text, users=USERS)
    assert not found.accepted
    assert (line + 1, column + 1) in {(fault.line, fault.column) for fault in found.faults}


_GOOD = {"SR", "SPC", "TRANSFORM", "ALL", *HEADER.split(",")}
