"""Times to breach and numbers are said as a person says them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.words import SPANS, duration, forecast, spans, utc


def _forecast(seconds: int | None, earliest: int | None, latest: int | None, sure: str = "likely") -> str:
    found: dict[str, Any] = {"seconds": seconds, "earliest": earliest, "latest": latest, "confidence": sure}
    return forecast(found)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (5400, "90 min"), (7200, "2 h"), (86_400, "24 h")],
)
def test_a_duration_is_in_the_unit_that_fits(seconds: int, said: str) -> None:
    assert duration(seconds) == said


@given(st.integers(0, 86_400 * 31))
def test_a_duration_is_right_to_a_quarter(seconds: int) -> None:
    number, unit = duration(seconds).split()
    assert abs(int(number) * {"s": 1, "min": 60, "h": 3600, "d": 86_400}[unit] - seconds) * 4 <= seconds


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((720, 540, 1200), "in 12 min (9-20 min)"),
        ((150, 100, 200), "in 2 min (100 s-3 min)"),
        ((720, 540, None, "possible"), "in 12 min (9 min or later), possible"),
        ((0, 0, 0), "passed"),
        ((None, None, None, "unlikely"), "-"),
        ((None, 1200, None, "unlikely"), "unlikely, in 20 min at the earliest"),
    ],
)
def test_a_forecast_names_the_time_between_which_nine_in_ten_come_true(
    found: tuple[Any, ...], said: str
) -> None:
    assert _forecast(*found) == said


def test_an_instant_is_shown_in_utc() -> None:
    assert utc("2026-12-01T10:00:00.123Z") == utc("2026-12-01T10:00:00Z") == "2026-12-01 10:00:00 UTC"


@pytest.mark.parametrize(
    ("numbers", "said"), [((), ""), ((4,), "4"), ((4, 7, 8, 9), "4, 7-9"), ((1, 2, 4, 6, 7), "1-2, 4, 6-7")]
)
def test_numbers_are_said_as_spans(numbers: tuple[int, ...], said: str) -> None:
    assert spans(numbers) == said


def test_of_very_many_spans_the_first_are_said() -> None:
    numbers = range(1, 1000, 2)
    said = spans(numbers)
    assert said.endswith("(--json names all 500)")
    assert said.count(",") == SPANS - 1
