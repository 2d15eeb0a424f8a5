"""Windows and episodes by brute force: every event is kept and every second is counted anew."""

from collections.abc import Sequence

from thresholds.model import Alignment, Level, Period, Threshold, UserId

LATENESS = 300
USER = UserId("90-B3-D5-1F-30-01-00-00")
MONDAY = 1_790_553_600
"""2026-09-28T00:00:00Z, a Monday."""

Episode = dict[str, int | None]
Report = tuple[object, ...]


def row(
    period: int = 60,
    warning: int = 3,
    quarantine: int = 5,
    effective_from: int = 0,
    effective_to: int | None = None,
    *,
    alignment: Alignment = Alignment.ROLLING,
    communication: str = "SR",
    service: str = "4.1.1",
    line: int = 2,
) -> Threshold:
    """Return a threshold of `USER`."""
    return Threshold(
        user_id=USER,
        communication=communication,
        service=service,
        period=Period(period, f"PT{period}S"),
        warning=warning,
        quarantine=quarantine,
        effective_from=effective_from,
        effective_to=effective_to,
        alignment=alignment,
        line=line,
    )


def in_window(event: int, second: int, period: int, alignment: Alignment) -> bool:
    """Tell whether the count at *second* holds *event*, in the words of the definition."""
    calendar = alignment is Alignment.CALENDAR
    origin = 4 * 86_400
    start = (second - origin) // period * period + origin if calendar else second - period
    if period > 3600:
        return start // 60 <= event // 60 <= second // 60
    return (start <= event if calendar else start < event) and event <= second


def count(events: Sequence[int], second: int, period: int, alignment: Alignment) -> int:
    """Count *events* at *second*."""
    return sum(in_window(event, second, period, alignment) for event in events)


class Oracle:
    """One key; `reports` grows by `(opened, level, second, count, limit, supersedes)` and `(ended, ...)`."""

    def __init__(self, rows: Sequence[Threshold], now: int) -> None:
        self.rows = rows
        self.now = now
        self.events: list[int] = []
        self.episodes: dict[Level, list[Episode]] = {level: [] for level in Level}
        self.reports: list[Report] = []
        self.period, self.alignment = rows[0].period.seconds, rows[0].alignment

    def threshold(self, second: int) -> Threshold | None:
        """Return the row in force: an exception that holds, else the latest standing one."""
        held = [r for r in self.rows if r.effective_from <= second < (r.effective_to or 2**62)]
        return max(held, key=lambda r: (r.is_exception, r.effective_from, r.line), default=None)

    def count(self, second: int) -> int:
        """Count at *second* from what has arrived."""
        return count(self.events, second, self.period, self.alignment)

    def above(self, level: Level, second: int) -> bool:
        """Tell whether the count is above the level in force."""
        held = self.threshold(second)
        return held is not None and self.count(second) > held.limit(level)

    def over(self, level: Level, opened: int, second: int) -> bool:
        """Tell whether an episode ends at *second*: below 90 % for a tenth of the period before it."""
        hold = max(1, self.period // 10)
        return second - hold >= opened and all(self.below(level, s) for s in range(second - hold, second))

    def below(self, level: Level, second: int) -> bool:
        """Tell whether the count is below 90 % of the level in force."""
        held = self.threshold(second)
        if held is None:
            return True
        counted = self.count(second)
        return counted < 0.9 * held.limit(level) if held.limit(level) else counted == 0

    def advance(self, now: int) -> None:
        """Decide second by second up to *now*."""
        for second in range(self.now + 1, now + 1):
            self.now = second
            for level in (Level.QUARANTINE, Level.WARNING):
                episode = self.open(level)
                if episode and self.over(level, episode["opened"] or 0, second):
                    self.end(level, episode, second)
            if self.threshold(second) != self.threshold(second - 1):
                self.look(second)

    def observe(self, observed_at: int, now: int, n: int = 1) -> None:
        """Take in *n* events that come together."""
        self.advance(now)
        event = observed_at if self.now - LATENESS <= observed_at <= self.now else self.now
        self.events += [event] * n
        self.look(event)

    def look(self, since: int) -> None:
        """Open what is above a level between *since* and now and not known yet."""
        standing, known = self.open(Level.WARNING), self.episodes[Level.WARNING]
        quarantines = self.found(Level.QUARANTINE, since)
        warnings = self.found(Level.WARNING, since)
        self.episodes[Level.QUARANTINE] += quarantines
        for episode in quarantines:
            stood = [e for e in known if covers(e, episode["opened"] or 0)]
            warning = next(iter([standing] if standing else stood), None)
            taken = warning["opened"] if warning and not warning["quiet"] else None
            if warning:
                warning["quiet"] = 1
            self.report(Level.QUARANTINE, episode, taken)
        for episode in warnings:
            episode["quiet"] = int(bool(quarantines) or self.open(Level.QUARANTINE) is not None)
            self.report(Level.WARNING, episode, None)
        self.episodes[Level.WARNING] += warnings

    def found(self, level: Level, since: int) -> list[Episode]:
        """Return the episodes that the counts from *since* to now open."""
        found: list[Episode] = []
        opened: int | None = None
        for second in range(since, self.now + 1):
            if opened is not None and self.over(level, opened, second):
                found.append({"opened": opened, "ended": second, "quiet": 0})
                opened = None
            if any(covers(episode, second) for episode in (*self.episodes[level], *found)):
                opened = None
            elif opened is None and self.above(level, second):
                opened = second
        return found if opened is None else [*found, {"opened": opened, "ended": None, "quiet": 0}]

    def open(self, level: Level) -> Episode | None:
        """Return the open episode."""
        return next((e for e in self.episodes[level] if e["ended"] is None), None)

    def end(self, level: Level, episode: Episode, second: int) -> None:
        """End *episode* and report it unless it is quiet."""
        episode["ended"] = second
        if not episode["quiet"]:
            self.reports.append(("ended", level, episode["opened"], second))

    def report(self, level: Level, episode: Episode, supersedes: int | None) -> None:
        """Report an opened episode, and its end if that has passed, unless it is quiet."""
        opened = episode["opened"] or 0
        held = self.threshold(opened)
        if episode["quiet"] or held is None:
            return
        self.reports.append(("opened", level, opened, self.count(opened), held.limit(level), supersedes))
        if episode["ended"] is not None:
            self.reports.append(("ended", level, opened, episode["ended"]))


def covers(episode: Episode, second: int) -> bool:
    """Tell whether *second* is part of *episode*."""
    ended = episode["ended"]
    return (episode["opened"] or 0) <= second and (ended is None or second < ended)
