"""Periods: ISO 8601 durations from one minute to 31 days."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresholds.errors import InvalidValueError
from thresholds.model import Alignment
from thresholds.period import LONGEST, SHORTEST, format_period, parse_period

lengths = st.integers(SHORTEST, LONGEST)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1M", 60),
        ("PT60S", 60),
        ("PT90S", 90),
        ("PT1H", 3_600),
        ("PT60M", 3_600),
        ("P1D", 86_400),
        ("P1DT12H30M5S", 131_405),
        ("P1W", 604_800),
        ("P4W", 2_419_200),
        ("P31D", 2_678_400),
        ("P30DT24H", 2_678_400),
        ("PT01H", 3_600),
    ],
)
def test_a_duration_has_its_length_in_seconds_and_keeps_its_spelling(text: str, seconds: int) -> None:
    period = parse_period(text)
    assert (period.seconds, period.text) == (seconds, text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "P1DT", "T1H", "1H", "PT1", "P1H", "PT1D", "P1W1D", "P1WT1H", "P5W"),
        *("P1Y", "P1M", "PT1.5H", "PT1,5H", "-PT1H", "+PT1H", "PT-1H", "pt1h", " PT1H", "PT1H ", "PT1H\n"),
        *(
            "PT1M1H",
            "PT59S",
            "PT0S",
            "P31DT1S",
            "P32D",
            "P12345678D",
            "PT99999999S",
            "PT\u0661H",
            "PT\uff11H",
            "P" + "9" * 5_000 + "D",
        ),
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_period(text)
    assert caught.value.code == "bad_period"


@given(lengths)
def test_every_length_round_trips(seconds: int) -> None:
    assert parse_period(format_period(seconds)).seconds == seconds


@given(st.integers(0, 31), st.integers(0, 800), st.integers(0, 50_000), st.integers(0, 3_000_000))
def test_parts_add_up_or_the_sum_is_refused(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"P{days}DT{hours}H{minutes}M{seconds}S"
    total = days * 86_400 + hours * 3_600 + minutes * 60 + seconds
    if SHORTEST <= total <= LONGEST:
        assert parse_period(text).seconds == total
    else:
        with pytest.raises(InvalidValueError):
            parse_period(text)


@given(st.text(max_size=12))
def test_any_text_is_a_period_in_range_or_refused(text: str) -> None:
    try:
        period = parse_period(text)
    except InvalidValueError:
        return
    assert SHORTEST <= period.seconds <= LONGEST
    assert text.isascii()


@given(lengths)
def test_calendar_windows_beyond_an_hour_have_whole_minutes(seconds: int) -> None:
    text = format_period(seconds)
    if seconds > 3_600 and seconds % 60:
        with pytest.raises(InvalidValueError, match="whole minutes"):
            parse_period(text, Alignment.CALENDAR)
    else:
        assert parse_period(text, Alignment.CALENDAR).seconds == seconds
