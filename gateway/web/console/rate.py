"""One threshold: its count over time, what held, who set it and what came of it."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiohttp import web

from gateway.access import Action
from gateway.errors import InvalidInput
from gateway.operations.curves import Past, read_past, with_levels
from gateway.store.past_thresholds import PastEpisode
from gateway.web.console.drawing import Chart, Frame, bar, chart, top
from gateway.web.console.form import Fault
from gateway.web.console.lengths import breach_words, forecast_sentence, length
from gateway.web.console.page import Page
from gateway.web.console.rate_key import key_path, key_text, live_key, parse_key
from gateway.web.console.rate_list import PATH
from gateway.web.console.rates import foretold
from gateway.web.console.span import SPANS, Shown, shown_span, span_faults
from gateway.web.console.visit import Visit
from gateway.web.services import Services
from thresholds.curve import joined
from thresholds.instant import format_instant
from thresholds.model import ThresholdKey
from thresholds.past import Held
from thresholds.period import format_period

ONE: Final = PATH + "/{key:[A-Za-z0-9.*~-]{1,100}}"
TABLE_ROWS: Final = 60
"""Rows of the table beside the curve at the most: the file holds every point."""
SIZES: Final = ((960, 320), (340, 240))
"""Width and height of the drawing for a wide and for a narrow screen."""


async def rate(visit: Visit) -> web.StreamResponse:
    """Show one threshold."""
    key, shown, past = await _read(visit)
    services, query = visit.services, visit.request.query
    faults = [Fault(*each) for each in span_faults(query).items()]
    many = -(-len(past.points) // TABLE_ROWS)
    return visit.show(
        "rate.html",
        InvalidInput.status if faults else 200,
        faults=faults,
        sent={name: query.get(name, "") for name in ("from", "to")} if faults else None,
        title=f"{key.communication} {key.service}, {format_period(key.period_seconds)}, {key.user_id}",
        key=key,
        key_path=key_path(key),
        period_text=format_period(key.period_seconds),
        service_name=services.rules.current.service_name(key.service),
        now=services.clock(),
        shown=shown,
        spans=tuple(SPANS),
        past=past,
        charts=_charts(past, shown),
        points=[[each.second, each.highest, each.arrivals] for each in past.points],
        highest=max(past.points, key=lambda point: point.highest),
        numbers=list(with_levels(joined(past.points, many), past.held)),
        step_text=length(past.span.step),
        table_step_text=length(past.span.step * many),
        **_now(services, key),
    )


def _now(services: Services, key: ThresholdKey) -> dict[str, Any]:
    """Return what the page shows of the count as it is now."""
    current = services.broadcast.current().get(key)
    if current is None:
        return {"current": None}
    current = foretold(services, (key, current))
    return {
        "current": current,
        "live_key": live_key(key),
        "bar": bar(current.count, current.warning, current.quarantine),
        "breach": breach_words(current.time_to_breach) if current.count else "not in sight",
        "forecast": forecast_sentence(current),
    }


async def _read(visit: Visit) -> tuple[ThresholdKey, Shown, Past]:
    services = visit.services
    key = parse_key(visit.request.match_info["key"])
    shown = shown_span(visit.request.query, int(services.clock()))
    past = await read_past(services.database, services.history, visit.person, key, shown.span)
    return key, shown, past


def _charts(past: Past, shown: Shown) -> list[Chart]:
    highest = top(past.points, past.held, counts_alone=shown.fit)
    shades = [*_exceptions(past.held), *_episodes(past.episodes, past.span.until)]
    return [
        chart(Frame(width, height, past.span.since, past.span.until, highest), past.points, past.held, shades)
        for width, height in SIZES
    ]


def _exceptions(held: Sequence[Held]) -> Iterator[tuple[int, int, str]]:
    for each in held:
        if each.threshold is not None and each.threshold.is_exception:
            yield each.since, each.until, "exception"


def _episodes(episodes: Sequence[PastEpisode], until: int) -> Iterator[tuple[int, int, str]]:
    for episode in reversed(episodes):
        yield episode.opened_at, until if episode.ended_at is None else episode.ended_at, episode.level


async def counts(visit: Visit) -> web.StreamResponse:
    """Download the points of the curve as CSV."""
    if span_faults(visit.request.query):
        raise InvalidInput(
            "query_malformed", "from and to are not two times, one after the other", "Correct the address."
        )
    key, _, past = await _read(visit)
    name = f"{key_text(key)}.csv".replace("*", "any").replace("~", "_")
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    text = counts_csv(past)
    return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)


def counts_csv(past: Past) -> str:
    """Return the points as CSV (RFC 4180): the last second of each step, and the levels that held at it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Until", "HighestCount", "Counted", "WarningThreshold", "QuarantineThreshold"])
    for row in with_levels(past.points, past.held):
        until = format_instant(row.point.second + 1)
        writer.writerow([until, row.point.highest, row.point.arrivals, row.warning, row.quarantine])
    return text.getvalue()


PAGES: Final = (
    Page("GET", ONE, rate, Action.READ_MONITORING, "Rate", parent=PATH),
    Page("GET", ONE + "/counts.csv", counts, Action.READ_MONITORING, "Counts", parent=PATH),
)
