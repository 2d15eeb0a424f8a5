"""Times to breach in words that say no more than is known."""

import pytest

from gateway.operations.rates import ShownForecast
from gateway.web.console.lengths import breach_sentence, breach_words, length

FORECASTS = {
    "not told yet": None,
    "passed": ShownForecast(0, 0, 0, "likely"),
    "not in sight": ShownForecast(None, None, None, "unlikely"),
    "not likely; in 50 min at the earliest": ShownForecast(None, 3000, None, "unlikely"),
    "in 11 min (7 min to 18 min)": ShownForecast(642, 401, 1103, "likely"),
    "perhaps in 11 min (now to later)": ShownForecast(642, 0, None, "possible"),
}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (99, "99 s"),
        (100, "2 min"),
        (5999, "100 min"),
        (6000, "2 h"),
        (172_799, "48 h"),
        (172_800, "2 d"),
    ],
)
def test_a_length_has_one_unit(seconds: int, text: str) -> None:
    assert length(seconds) == text


@pytest.mark.parametrize(("words", "forecast"), FORECASTS.items())
def test_a_forecast_in_words(words: str, forecast: ShownForecast | None) -> None:
    assert breach_words(forecast) == words


def test_every_forecast_has_a_sentence_of_its_own_with_its_interval() -> None:
    sentences = {breach_sentence(forecast) for forecast in FORECASTS.values()}
    assert len(sentences) == len(FORECASTS)
    likely = breach_sentence(ShownForecast(642, 401, 1103, "likely"))
    assert "in about 11 min" in likely
    assert "between 7 min from now and in 18 min" in likely
