"""Values to the coordinates of a drawing: pure; templates put them into SVG, where nothing is computed."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from thresholds.curve import Point
from thresholds.model import Level
from thresholds.past import Held

BAR_WIDTH: Final = 200.0
"""Units of a bar; its quarantine level stands at four fifths."""
SPARK_WIDTH: Final = 120.0
SPARK_HEIGHT: Final = 24.0
DIGIT: Final = 7
"""Units that a character of a label takes at the most."""
_TIME_STEPS: Final = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)
_DAY: Final = 86_400


class Bar(msgspec.Struct, frozen=True):
    """A count beside its levels, in units of `BAR_WIDTH`."""

    count: float
    warning: float | None
    quarantine: float | None


def bar(count: int, warning: int | None, quarantine: int | None) -> Bar:
    """Return the bar of a count; what is far above its levels ends at the edge. `rate_words.js` draws the same."""
    if warning is None or quarantine is None:
        return Bar(0.0, None, None)
    scale = BAR_WIDTH * 0.8 / max(warning, quarantine, 1)
    return Bar(
        round(min(count * scale, BAR_WIDTH), 1), round(warning * scale, 1), round(quarantine * scale, 1)
    )


def spark(values: Sequence[int]) -> str:
    """Return the path of a small line from the left edge to the right, the highest value at the top."""
    if len(values) < 2:  # noqa: PLR2004
        return ""
    across, up = SPARK_WIDTH / (len(values) - 1), (SPARK_HEIGHT - 2) / max(*values, 1)
    return _path((index * across, SPARK_HEIGHT - 1 - value * up) for index, value in enumerate(values))


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def count_ticks(highest: int, most: int = 5) -> list[int]:
    """Return round counts from 0 to at least *highest*, at most *most* steps apart from each other."""
    step = 1
    while step * most < highest:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return list(range(0, max(1, -(-highest // step)) * step + 1, step))


def time_ticks(since: int, until: int, most: int = 8) -> list[int]:
    """Return round times (UTC) from *since* to *until*, at most *most* of them."""
    step = next((step for step in _TIME_STEPS if (until - since) // step < most), _TIME_STEPS[-1])
    return list(range(-(-since // step) * step, until + 1, step))


def time_label(second: int, step: int) -> str:
    """Return how a tick is named: the time, or the day where ticks are days apart or it begins one."""
    moment = datetime.fromtimestamp(second, UTC)
    return f"{moment.day} {moment:%b}" if step >= _DAY or second % _DAY == 0 else f"{moment:%H:%M}"


class Tick(msgspec.Struct, frozen=True):
    """A mark on an axis."""

    at: float
    label: str


class Area(msgspec.Struct, frozen=True):
    """A part of the time that is marked."""

    x: float
    width: float
    kind: str


class Frame(msgspec.Struct, frozen=True):
    """The ground of a chart: its size in units of the drawing, the time and the counts that it covers."""

    width: int
    height: int
    since: int
    until: int
    highest: int
    right: int = 28
    """Room for half of the last time's label, which stands under its tick."""
    top: int = 10
    bottom: int = 26

    @property
    def left(self) -> int:
        """Room for the longest count beside the axis."""
        return max(56, 14 + DIGIT * len(f"{self.highest:,}"))

    def x(self, second: float) -> float:
        """Return where a time stands; what lies outside stands at the edge."""
        part = (second - self.since) / max(1, self.until - self.since)
        return round(self.left + (self.width - self.left - self.right) * min(max(part, 0.0), 1.0), 1)

    def y(self, count: float) -> float:
        """Return where a count stands; one that is too high stands at the edge."""
        part = min(count / max(1, self.highest), 1.0)
        return round(self.height - self.bottom - (self.height - self.top - self.bottom) * part, 1)


class Chart(msgspec.Struct, frozen=True):
    """A chart, ready to be written as SVG."""

    frame: Frame
    line: str
    area: str
    levels: dict[str, str]
    """Path of each level."""
    shades: list[Area]
    across: list[Tick]
    up: list[Tick]


def chart(
    frame: Frame, points: Sequence[Point], held: Sequence[Held], shades: Iterable[tuple[int, int, str]]
) -> Chart:
    """Return the chart of a curve; *shades* are times from and until, with what they mark."""
    places = [(frame.x(point.second), frame.y(point.highest)) for point in points]
    line = _path(places) if places else ""
    ground = frame.y(0)
    closed = f"{line}L{places[-1][0]} {ground}L{places[0][0]} {ground}Z" if places else ""
    across = time_ticks(frame.since, frame.until, 8 if frame.width > 600 else 4)  # noqa: PLR2004
    step = across[1] - across[0] if len(across) > 1 else 1
    return Chart(
        frame,
        line,
        closed,
        {level: level_path(frame, held, level) for level in Level},
        [
            Area(frame.x(since), max(1.0, round(frame.x(until) - frame.x(since), 1)), kind)
            for since, until, kind in shades
        ],
        [Tick(frame.x(second), time_label(second, step)) for second in across],
        [
            Tick(frame.y(count), f"{count:,}")
            for count in count_ticks(frame.highest)
            if count <= frame.highest
        ],
    )


def level_path(frame: Frame, held: Sequence[Held], level: Level) -> str:
    """Return the line of a level: it steps where another threshold took the place, and is broken where none held."""
    parts: list[str] = []
    before = None
    for each in held:
        if each.threshold is None or each.threshold.limit(level) > frame.highest:
            before = None
            continue
        y = frame.y(each.threshold.limit(level))
        parts.append(f"V{y}" if before else f"M{frame.x(each.since)} {y}")
        parts.append(f"H{frame.x(each.until)}")
        before = each
    return "".join(parts)


def top(points: Sequence[Point], held: Sequence[Held], *, counts_alone: bool) -> int:
    """Return the highest count that a chart has room for: that of the curve, and the levels unless left out."""
    highest = max((point.highest for point in points), default=0)
    if not counts_alone:
        levels = [each.threshold.limit(level) for each in held if each.threshold for level in Level]
        highest = max([highest, *levels])
    return count_ticks(max(math.ceil(highest * 1.05), 1))[-1]
