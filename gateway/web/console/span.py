"""Which time a curve shows, as it stands in the address of its page."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

from gateway.operations.curves import Span
from thresholds.curve import MINUTE
from thresholds.errors import InvalidValueError
from thresholds.instant import format_instant, parse_instant

SPANS: Final[Mapping[str, int]] = {"1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "31d": 2_678_400}
USUAL: Final = "24h"
SHORTEST: Final = 10 * MINUTE
LONGEST: Final = SPANS["31d"]
_MINUTES: Final = ("%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M")
"""How a time may be written: the last is what a browser's field gives."""


class Shown(msgspec.Struct, frozen=True):
    """The span that is shown, and how it came about."""

    span: Span
    name: str
    """Of `SPANS`; empty where it lies between two chosen times."""
    now: int
    fit: bool
    """Whether the scale fits the counts and leaves out levels that are far above."""
    is_part: bool = False
    """Whether it is not the whole of what was asked for."""

    def query(self, name: str = "", span: Span | None = None, *, fit: bool | None = None) -> str:
        """Return the query of another span, or of another scale."""
        if span is None and not name:
            name, span = self.name, None if self.name else self.span
        pairs = {"span": name} if span is None else {"from": _text(span.since), "to": _text(span.until)}
        if self.fit if fit is None else fit:
            pairs["fit"] = "counts"
        return f"?{urlencode(pairs, safe=':')}"

    @property
    def from_text(self) -> str:
        """The beginning as a browser's field takes it."""
        return format_instant(self.span.since, _MINUTES[2])

    @property
    def to_text(self) -> str:
        """The end as a browser's field takes it."""
        return format_instant(self.span.until, _MINUTES[2])

    def moved(self, part: float) -> str:
        """Return the query of the span that lies *part* of its length later, at most until now."""
        since, until = self.span.since, self.span.until
        by = min(int((until - since) * part) // MINUTE * MINUTE, _end(self.now) - until)
        return self.query(span=Span(since + by, until + by))

    def zoomed(self, factor: float) -> str:
        """Return the query of a span *factor* times as long, around the same middle."""
        middle = (self.span.since + self.span.until) // 2
        half = int((self.span.until - self.span.since) * factor / 2)
        return self.query(span=_within(middle - half, middle + half, self.now))


def _end(now: int) -> int:
    return now - now % MINUTE + MINUTE


def _text(second: int) -> str:
    return format_instant(second, _MINUTES[0])


def _within(since: int, until: int, now: int) -> Span:
    """Return a span of whole minutes that is neither too short nor too long nor beyond the present minute."""
    until = min(until - until % MINUTE, _end(now))
    since = max(MINUTE, min(since - since % MINUTE, until - SHORTEST), until - LONGEST)
    return Span(since, max(until, since + SHORTEST))


def shown_span(query: Mapping[str, str], now: int) -> Shown:
    """Return the span that *query* asks for; what makes no sense gives the usual one."""
    fit = query.get("fit") == "counts"
    since, until = _instant(query.get("from", "")), _instant(query.get("to", ""))
    if since is not None and until is not None and since < until:
        span = _within(since, until, now)
        return Shown(span, "", now, fit, is_part=span.since > since or span.until < until - until % MINUTE)
    name = query.get("span", USUAL)
    if name not in SPANS:
        name = USUAL
    return Shown(Span(_end(now) - SPANS[name], _end(now)), name, now, fit)


def span_faults(query: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with two chosen times, by the field it is about."""
    if not (query.get("from") or query.get("to")):
        return {}
    since, until = _instant(query.get("from", "")), _instant(query.get("to", ""))
    found = {"from": "Say when the time begins"} if since is None else {}
    if until is None:
        found["to"] = "Say when the time ends"
    elif since is not None and since >= until:
        found["to"] = "The end has to come after the beginning"
    return found


def _instant(text: str) -> int | None:
    for pattern in _MINUTES:
        try:
            return parse_instant(text[:32], pattern)
        except InvalidValueError:
            continue
    return None
