"""Which threshold of a key was in force in the past: files came into force and were superseded meanwhile."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from thresholds.model import Threshold
from thresholds.schedule import make_schedule


class PastThreshold(msgspec.Struct, frozen=True):
    """A row of an ADT file and when the gateway counted against it."""

    threshold: Threshold
    in_force_at: int
    superseded_at: int | None = None
    """None while it is in force; the exclusive end otherwise."""

    def held(self, second: int) -> bool:
        """Tell whether the row was among those in force at *second*."""
        return self.in_force_at <= second and (self.superseded_at is None or second < self.superseded_at)


class Held(msgspec.Struct, frozen=True):
    """What held from *since* to before *until*; None where nothing did."""

    since: int
    until: int
    threshold: Threshold | None


def held_between(rows: Sequence[PastThreshold], since: int, until: int) -> list[Held]:
    """Return the thresholds of one key that held from *since* to before *until*, in order and without a gap."""
    times = {row.in_force_at for row in rows} | {row.superseded_at for row in rows}
    changes = sorted(time for time in times if time is not None and since < time < until)
    found: list[Held] = []
    for first, end in zip([since, *changes], [*changes, until], strict=True):
        live = [row.threshold for row in rows if row.held(first)]
        for part in _within(live, first, end):
            if found and found[-1].threshold == part.threshold:
                found[-1] = Held(found[-1].since, part.until, part.threshold)
            else:
                found.append(part)
    return found


def _within(rows: Iterable[Threshold], since: int, until: int) -> Iterator[Held]:
    """Yield what held while *rows* and no other were in force."""
    schedule = make_schedule(rows)
    second = since
    while second < until:
        end = min(until, schedule.next_change(second))
        yield Held(second, end, schedule.at(second))
        second = end
