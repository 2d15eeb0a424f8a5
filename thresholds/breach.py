"""What the monitor reports, all frozen: breaches, ended episodes, rates."""

import enum

import msgspec

from thresholds.forecast import Forecast
from thresholds.model import Level, Threshold, ThresholdKey


class EpisodeId(msgspec.Struct, frozen=True, order=True):
    """Names an episode for good: the same events give the same identity, live and in replay."""

    key: ThresholdKey
    level: Level
    opened: int
    """The first second above the level."""

    def __str__(self) -> str:
        """Return the identity as one line of text, unique among episodes."""
        key = self.key
        period = f"{key.period_seconds}/{key.alignment}"
        return f"{key.user_id}/{key.communication}/{key.service}/{period}/{self.level}/{self.opened}"


class Breach(msgspec.Struct, frozen=True):
    """An episode has opened."""

    episode: EpisodeId
    threshold: Threshold
    """The row that was in force when the episode opened."""
    limit: int
    """The level of that row that was passed."""
    count: int
    """The count at the second of opening; above *limit*."""
    window_start: int
    """The first second that the count covers; the last one is `opened`."""
    supersedes: EpisodeId | None = None
    """The warning episode of the same key that this quarantine episode takes over."""

    @property
    def level(self) -> Level:
        """Which level was passed."""
        return self.episode.level

    @property
    def opened(self) -> int:
        """The first second above the level, which is also the end of the window."""
        return self.episode.opened


class EndReason(enum.StrEnum):
    """Why an episode ended."""

    FELL = "fell"
    """The count stayed below 90 % of the level for a tenth of the period."""
    WITHDRAWN = "withdrawn"
    """The thresholds of its key are gone."""


class EpisodeEnded(msgspec.Struct, frozen=True):
    """An episode that was reported by a breach, and not superseded, is over."""

    episode: EpisodeId
    ended: int
    """The first second that the episode no longer covers."""
    reason: EndReason


Change = Breach | EpisodeEnded


def change_second(change: Change) -> int:
    """Return the second at which *change* took place."""
    return change.opened if isinstance(change, Breach) else change.ended


class OpenEpisode(msgspec.Struct, frozen=True):
    """The state of an open episode: what a restart must know to go on as if nothing had happened."""

    episode: EpisodeId
    quiet: bool = False
    """A warning that a quarantine episode took over or kept from being reported; its end is not reported."""
    below_since: int | None = None
    """Since when the count is below 90 %; if None is given for an unknown one, the episode ends later."""
    ended: int | None = None
    """When it ended: `restore` takes ended ones too, since a late event may still fall into them."""


class Placement(enum.StrEnum):
    """Where a communication was counted."""

    ON_TIME = "on_time"
    """At its event time."""
    LATE = "late"
    """At its arrival: it came more than five minutes after its event time."""
    FUTURE = "future"
    """At its arrival: its event time had not come yet."""


class Observed(msgspec.Struct, frozen=True):
    """What one communication brought about."""

    placement: Placement
    changes: tuple[Change, ...] = ()
    """All that changed since the last call and through this communication, of any key, in time order."""
    excess: tuple[EpisodeId, ...] = ()
    """The episodes above whose level this communication is: it is what the DCC will quarantine."""

    @property
    def breaches(self) -> tuple[Breach, ...]:
        """The breaches among the changes."""
        return tuple(change for change in self.changes if isinstance(change, Breach))


class Replaced(msgspec.Struct, frozen=True):
    """What a new set of thresholds brought about."""

    added: tuple[ThresholdKey, ...]
    """Keys that were not counted before; their windows are empty until they are seeded."""
    changes: tuple[Change, ...]


class RateState(enum.StrEnum):
    """How a count stands to its threshold."""

    NORMAL = "normal"
    WARNING = "warning"
    QUARANTINE = "quarantine"


class Standing(msgspec.Struct, frozen=True):
    """The count of one key beside the threshold in force."""

    key: ThresholdKey
    count: int
    threshold: Threshold | None
    """None where no threshold is in force at this time."""

    @property
    def is_exception(self) -> bool:
        """Whether an exception holds."""
        return self.threshold is not None and self.threshold.is_exception

    @property
    def state(self) -> RateState:
        """The highest level that the count is above now, whatever episodes are open."""
        if self.threshold is None or self.count <= min(self.threshold.warning, self.threshold.quarantine):
            return RateState.NORMAL
        return RateState.QUARANTINE if self.count > self.threshold.quarantine else RateState.WARNING

    def headroom(self, level: Level) -> int | None:
        """Return how many more fit under *level*: negative when passed, None without a threshold."""
        return None if self.threshold is None else self.threshold.limit(level) - self.count


class Rate(Standing, frozen=True):
    """A standing with what is expected of it."""

    until_warning: Forecast
    until_quarantine: Forecast

    def time_to_breach(self, level: Level) -> Forecast:
        """Return when the count will pass *level* while communications go on arriving as they did of late."""
        return self.until_warning if level is Level.WARNING else self.until_quarantine
