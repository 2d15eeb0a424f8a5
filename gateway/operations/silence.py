"""Sources that bring nothing for longer than they may, within the hours in which they should speak."""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import SourceSilent
from gateway.alerts.kinds import SOURCE_NAMES
from gateway.clock import Clock, to_text
from gateway.ingest.receive import Heard
from gateway.metrics import LAST_COMMUNICATION
from gateway.section import Silence

SOURCES: Final = ("http", "mqtt", "forward", "drop_folder")
"""The ways by which communications arrive, as settings and metrics name them."""

DAY: Final = 86_400
WEEK: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EPOCH_DAY: Final = WEEK.index("Thu")
"""The day of the week on which the epoch began."""


class Hours(msgspec.Struct, frozen=True):
    """When the sources should speak, every week, in UTC."""

    start: int
    """Second of the day."""
    length: int
    """Seconds, up to a day: the end may be on the next day."""
    days: frozenset[int]
    """On which days of the week (0 is Monday) they begin."""

    def began(self, now: float) -> float | None:
        """Return when the hours began that hold *now*; None outside of them. Hours that join are one."""
        today = int(now) // DAY
        for day in (today, today - 1):
            begin = day * DAY + self.start
            if self._begins_on(day) and begin <= now < begin + self.length:
                return self._joined(day)
        return None

    def _joined(self, day: int) -> int:
        """Return when the hours of *day* began, counting those of earlier days that reach up to them."""
        first = day
        while self.length == DAY and self._begins_on(first - 1) and day - first < len(WEEK):
            first -= 1
        return first * DAY + self.start if day - first < len(WEEK) else 0

    def _begins_on(self, day: int) -> bool:
        return (day + EPOCH_DAY) % len(WEEK) in self.days


def hours_of(settings: Silence) -> Hours:
    """Return the hours that *settings* name; the same time twice is a whole day."""
    start, end = _second(settings.hours_from), _second(settings.hours_until)
    days = settings.days or WEEK
    return Hours(start, (end - start) % DAY or DAY, frozenset(map(WEEK.index, days)))


def _second(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    return hours * 3600 + minutes * 60


def silent_since(heard: float | None, started: float, hours: Hours, allowed: int, now: float) -> float | None:
    """Return since when a source is silent that may be so for *allowed* seconds; None where it is not yet.

    Silence counts from the last communication, from the start of the daemon or from the beginning of the hours,
    whichever came last.
    """
    began = hours.began(now)
    if began is None:
        return None
    since = max(began, started, heard or 0.0)
    return since if now - since > allowed else None


class SilenceWatch:
    """Looks how long each source has been silent."""

    def __init__(
        self, conditions: Conditions, settings: Silence, sources: Mapping[str, Heard], clock: Clock
    ) -> None:
        self._conditions = conditions
        self._hours = hours_of(settings)
        self._allowed = {source: int(getattr(settings, f"{source}_seconds")) for source in sources}
        self._sources = sources
        self._clock = clock
        self._started = clock()

    def look(self) -> None:
        """Say which sources are silent and which are not; within the hours nothing but a word ends a silence."""
        now = self._clock()
        for source, heard in self._sources.items():
            if heard.at is not None:
                LAST_COMMUNICATION.labels(source).set(heard.at)
            allowed = self._allowed[source]
            since = silent_since(heard.at, self._started, self._hours, allowed, now) if allowed else None
            if since is not None:
                self._conditions.holds(self._silence(source, since, heard.at))
            elif not allowed:
                detail = f"{SOURCE_NAMES[source]} may be silent: it is no longer watched"
                self._conditions.over(SourceSilent, source, detail)
            elif heard.at is not None and now - heard.at <= allowed:
                self._conditions.over(SourceSilent, source, f"{SOURCE_NAMES[source]} speaks again")

    def _silence(self, source: str, since: float, heard: float | None) -> News:
        allowed = self._allowed[source]
        detail = f"{SOURCE_NAMES[source]} has brought no communication for more than {allowed} s"
        figures: dict[str, int | str] = {"allowed_seconds": allowed}
        if heard is not None:  # otherwise what an earlier run knew stays
            figures["last_communication"] = to_text(heard)
        return News(SourceSilent, source, detail, since, figures=figures)
