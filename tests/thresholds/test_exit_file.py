"""The Exit Quarantine file: what is written is read strictly, and nothing else is."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresholds.errors import InvalidValueError, ProfileError
from thresholds.exit_file import ExitRow, read_exit_file, write_exit_file
from thresholds.exit_profile import ActionWords, ExitAction, ExitColumn, ExitProfile, parse_exit_profile
from thresholds.layout import LineEnd

TEXT = (Path(__file__).parents[2] / "config/profiles/exit-quarantine-1.toml").read_text()
PROFILE = parse_exit_profile(TEXT)
US = "90-B3-D5-1F-30-01-00-00"
METER = "00-DB-12-34-56-78-90-A0"
HEADER = "UserID,QuarantineEventRef,RequestID,Action\r\n"
NAME = "exit-quarantine-20261121T120000Z-0123abcd.csv"
GOOD = f"{US},77,{US}:{METER}:1,RELEASE\r\n"
NOW = 1_795_262_400


def codes(text: str, name: str = NAME) -> list[str]:
    return [fault.code for fault in read_exit_file(text.encode(), name, PROFILE).faults]


def test_the_shipped_profile_says_that_nobody_compared_it_with_the_dccs() -> None:
    assert PROFILE.label == "exit-quarantine-1 (unverified)"
    assert ",".join(PROFILE.headers) + "\r\n" == HEADER


def test_the_bytes_of_a_file_are_exactly_the_header_and_one_line_for_each_row() -> None:
    file = write_exit_file([ExitRow(US, "77", f"{US}:{METER}:1", ExitAction.RELEASE)], PROFILE, NOW)
    assert file.content.decode() == HEADER + GOOD
    assert file.name == f"exit-quarantine-20261121T120000Z-{file.sha256[:8]}.csv"


eui = st.binary(min_size=8, max_size=8).map(lambda raw: raw.hex("-").upper())
rows = st.lists(
    st.builds(
        lambda user, target, counter, event, action: ExitRow(
            user, str(event), f"{user}:{target}:{counter}", action
        ),
        eui,
        eui,
        st.integers(0, 2**64 - 1),
        st.integers(-(10**19), 10**20 - 1),
        st.sampled_from(ExitAction),
    ),
    min_size=1,
    unique_by=lambda row: (row.event_ref, row.request_id),
)
shapes = st.builds(
    lambda separator, ends: msgspec.structs.replace(PROFILE, separator=separator, line_ends=ends),
    st.sampled_from(",;|\t"),
    st.sampled_from([(LineEnd.CRLF,), (LineEnd.LF,), (LineEnd.LF, LineEnd.CRLF)]),
)


@given(rows, shapes)
def test_what_is_written_says_the_same_rows_when_it_is_read(
    given_rows: list[ExitRow], shape: ExitProfile
) -> None:
    file = write_exit_file(given_rows, shape, NOW)
    check = read_exit_file(file.content, file.name, shape)
    assert (check.rows, check.sha256, check.faults) == (tuple(given_rows), file.sha256, ())


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_raise(data: bytes) -> None:
    read_exit_file(data, NAME, PROFILE)
    read_exit_file(HEADER.encode() + data, NAME, PROFILE)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_file"),
        (HEADER, "no_rows"),
        (HEADER + GOOD.rstrip(), "no_final_newline"),
        ("\ufeff" + HEADER + GOOD, "byte_order_mark"),
        ((HEADER + GOOD).replace("\r", ""), "line_end_not_allowed"),
        (HEADER.replace("RequestID", "Request"), "wrong_header"),
        (HEADER + GOOD + GOOD, "request_twice"),
        (HEADER + GOOD + GOOD.replace("RELEASE", "DELETE"), "request_twice"),
        (HEADER + GOOD.replace("RELEASE", "release"), "unknown_action"),
        (HEADER + GOOD.replace(",77,", ",=77,"), "bad_event_ref"),
        (HEADER + GOOD.replace(",77,", f",{'7' * 21},"), "bad_event_ref"),
        (HEADER + GOOD.replace(":1,", ":01,"), "bad_request_id"),
        (HEADER + GOOD.replace(f",{US}:", f",{METER}:"), "other_sender"),
        (HEADER + GOOD.replace("RELEASE", "RELEASE,"), "ragged_row"),
        (HEADER + GOOD.replace("RELEASE", '"RELEASE'), "line_break_in_field"),
    ],
)
def test_a_file_that_differs_from_the_profile_has_a_fault_and_no_rows(text: str, code: str) -> None:
    assert code in codes(text)
    assert read_exit_file(text.encode(), NAME, PROFILE).rows == ()


def test_a_file_has_to_be_called_as_the_profile_says() -> None:
    assert codes(HEADER + GOOD, "../x.csv") == ["bad_file_name"]


def test_rows_that_no_strict_reader_would_take_are_never_written() -> None:
    row = ExitRow(US, "77", f"{METER}:{US}:1", ExitAction.DELETE)
    with pytest.raises(InvalidValueError) as refused:
        write_exit_file([row], PROFILE, NOW)
    assert refused.value.code == "exit_file_unwritable"
    with pytest.raises(InvalidValueError):
        write_exit_file([], PROFILE, NOW)


def test_a_profile_may_have_columns_of_its_own_and_other_words() -> None:
    columns = (*PROFILE.columns, ExitColumn(header="Reference", constant="SMSR-000001"))
    profile = msgspec.structs.replace(PROFILE, columns=columns, actions=ActionWords(release="R", delete="D"))
    file = write_exit_file([ExitRow(US, "77", f"{US}:{METER}:1", ExitAction.DELETE)], profile, NOW)
    assert file.content.decode().endswith(f"{METER}:1,D,SMSR-000001\r\n")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('field = "event_ref"', 'constant = "7"', "the field `event_ref` needs exactly one column"),
        ('field = "event_ref"', 'pattern = "7"', "needs exactly one of field and constant"),
        ('delete = "DELETE"', 'delete = "RELEASE"', "the same word"),
        ("-{digest}.csv", ".csv", "is not of the form of file_name"),
        ("{digest}", "{number}", "may name {at} and {digest} alone"),
        ("max_rows = 10_000", "max_rows = 0", "max_rows: it has to be"),
        ("separator", "seperator", "is separator meant"),
    ],
)
def test_a_profile_that_could_not_be_written_is_refused_and_names_the_key(
    old: str, new: str, why: str
) -> None:
    with pytest.raises(ProfileError, match=why):
        parse_exit_profile(TEXT.replace(old, new))
