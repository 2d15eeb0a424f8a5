"""Instants: strict UTC times."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresholds.errors import InvalidValueError
from thresholds.instant import UTC_FORMAT, check_instant_format, format_instant, parse_instant

LAST = 253_402_300_799
"""9999-12-31T23:59:59Z."""
DAY_FIRST = "%d/%m/%Y %H:%M"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-12-01T00:00:00Z", 1_796_083_200),
        ("2028-02-29T23:59:59Z", 1_835_481_599),
        ("9999-12-31T23:59:59Z", LAST),
    ],
)
def test_a_utc_time_is_seconds_since_the_epoch(text: str, seconds: int) -> None:
    assert parse_instant(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-12-01", "2026-12-01T00:00:00", "2026-12-01 00:00:00Z", "2026-12-01t00:00:00z"),
        *(
            "2026-12-01T00:00:00+00:00",
            "2026-12-01T00:00:00.0Z",
            "2026-12-1T00:00:00Z",
            " 2026-12-01T00:00:00Z",
        ),
        *("2026-12-01T00:00:00Z\n", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-12-01T24:00:00Z"),
        *(
            "2026-12-01T00:00:60Z",
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "\uff12026-12-01T00:00:00Z",
        ),
    ],
)
def test_everything_else_is_refused_and_the_remedy_shows_the_form(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_instant(text)
    assert caught.value.code == "bad_instant"
    assert "2026-12-01T00:00:00Z" in caught.value.remedy


@given(st.integers(0, LAST))
def test_every_second_round_trips(seconds: int) -> None:
    text = format_instant(seconds)
    assert parse_instant(text) == seconds
    assert dt.datetime.fromisoformat(text).timestamp() == seconds


@given(st.integers(0, LAST // 60))
def test_another_format_round_trips_what_it_can_say(minutes: int) -> None:
    assert parse_instant(format_instant(minutes * 60, DAY_FIRST), DAY_FIRST) == minutes * 60


def test_day_and_month_are_not_guessed() -> None:
    assert parse_instant("02/12/2026 00:00", DAY_FIRST) == 1_796_169_600
    with pytest.raises(InvalidValueError, match="not a real date"):
        parse_instant("12/31/2026 00:00", DAY_FIRST)


@pytest.mark.parametrize(
    "pattern", ["", "%Y-%m", "%Y%m%d%d", "%y-%m-%d", "%Y-%m-%d %%", "%Y-%m-%d %Z", "%Y-%m-%d%", "%c"]
)
def test_a_format_that_cannot_be_read_strictly_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        check_instant_format(pattern)
    assert caught.value.code == "bad_instant_format"


def test_other_characters_of_a_format_stand_for_themselves() -> None:
    assert parse_instant("2026.12.01", "%Y.%m.%d") == parse_instant("2026-12-01T00:00:00Z", UTC_FORMAT)
    with pytest.raises(InvalidValueError):
        parse_instant("2026-12-01", "%Y.%m.%d")
