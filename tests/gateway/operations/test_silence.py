"""A source that brings nothing within its hours is silent; one word of it ends that."""

from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.alerts.facts import SourceSilent
from gateway.ingest.receive import Heard
from gateway.operations.silence import (
    DAY,
    SOURCES,
    WEEK,
    Hours,
    SilenceWatch,
    hours_of,
    silent_since,
)
from gateway.section import Silence
from gateway.store.database import Database
from tests.support.watching import START, Machine, make_conditions

ALWAYS: Final = hours_of(Silence())
HOURS = st.builds(
    Hours,
    start=st.integers(0, 1439).map(lambda minute: minute * 60),
    length=st.integers(1, 1440).map(lambda minutes: minutes * 60),
    days=st.frozensets(st.integers(0, 6), min_size=1),
)
INSTANTS = st.integers(1_790_000_000, 1_800_000_000)


def speaks(hours: Hours, now: int) -> bool:
    """Tell by the calendar whether the hours hold, one day after the other."""
    for back in (0, 1):
        midnight = datetime.fromtimestamp(now // DAY * DAY - back * DAY, UTC)
        begin = int(midnight.timestamp()) + hours.start
        if midnight.weekday() in hours.days and begin <= now < begin + hours.length:
            return True
    return False


@given(hours=HOURS, now=INSTANTS)
def test_hours_hold_when_the_calendar_says_so(hours: Hours, now: int) -> None:
    began = hours.began(now)
    assert (began is not None) == speaks(hours, now)
    if began:
        assert began <= now
        assert speaks(hours, int(began))
        assert not speaks(hours, int(began) - 1)


def test_hours_that_join_are_one() -> None:
    """Else a silence would count anew each midnight."""
    assert ALWAYS.began(START + 5) == 0
    weekend = hours_of(Silence(days=("Sat", "Sun")))
    assert weekend.began(START + DAY + 5) == START
    assert weekend.began(START - 1) is None


@pytest.mark.parametrize(
    ("start", "end", "length"),
    [("06:00", "22:00", 16), ("22:00", "06:00", 8), ("06:00", "06:00", 24), ("00:00", "24:00", 24)],
)
def test_hours_may_pass_midnight(start: str, end: str, length: int) -> None:
    assert hours_of(Silence(hours_from=start, hours_until=end)).length == length * 3600


@pytest.mark.parametrize("text", ["6:00", "24:01", "25:00", "12:60", "noon", "", "06:00\n"])
def test_a_time_of_day_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Silence(hours_from=text)


@given(
    heard=st.none() | INSTANTS,
    started=INSTANTS,
    hours=HOURS,
    allowed=st.integers(1, 100_000),
    now=INSTANTS,
)
def test_silence_counts_from_the_last_of_word_start_and_hours(
    heard: int | None, started: int, hours: Hours, allowed: int, now: int
) -> None:
    since = silent_since(heard, started, hours, allowed, now)
    if since is None:
        assert not speaks(hours, now) or max(heard or 0, started, hours.began(now) or 0) >= now - allowed
    else:
        assert now - since > allowed
        assert since >= started
        assert heard is None or since >= heard


class Watched:
    """A watch over the sources, with a clock that is moved by hand."""

    def __init__(self, database: Database, settings: Silence) -> None:
        self.machine = Machine()
        self.conditions = make_conditions(database, self.machine)
        self.heard = {source: Heard() for source in SOURCES}
        self.watch = SilenceWatch(self.conditions, settings, self.heard, self.machine)

    def after(self, seconds: float, word_of: str = "") -> list[str]:
        """Let time pass, perhaps hear a word, look, and return who is silent."""
        self.machine.wait(seconds)
        if word_of:
            self.heard[word_of].at = self.machine()
        self.watch.look()
        return self.conditions.lasting(SourceSilent)


def test_each_source_has_its_own_patience_and_a_word_ends_its_silence(sqlite: Database) -> None:
    watched = Watched(sqlite, Silence(http_seconds=60, mqtt_seconds=120))
    assert watched.after(60) == []
    assert watched.after(1) == ["http"]
    assert watched.after(60) == ["http", "mqtt"]
    assert watched.after(1, "http") == ["mqtt"]
    assert watched.after(60) == ["mqtt"]
    assert watched.after(1) == ["http", "mqtt"]


def test_outside_its_hours_nothing_is_silent_and_what_was_stays_so(sqlite: Database) -> None:
    settings = Silence(http_seconds=3600, hours_from="06:00", hours_until="22:00", days=("Sat",))
    watched = Watched(sqlite, settings)
    assert watched.after(7 * 3600) == [], "one hour after six it may still be silent"
    assert watched.after(1) == ["http"]
    assert watched.after(20 * 3600) == ["http"], "the night is no word"
    assert watched.after(1, "http") == []
    assert watched.after(3 * DAY) == []
    assert WEEK[datetime.fromtimestamp(watched.machine(), UTC).weekday()] == "Wed"


def test_a_source_that_is_no_longer_watched_is_no_longer_silent(sqlite: Database) -> None:
    watched = Watched(sqlite, Silence(http_seconds=60))
    assert watched.after(61) == ["http"]
    watched.watch = SilenceWatch(watched.conditions, Silence(), watched.heard, watched.machine)
    assert watched.after(1) == []
