"""The list of rates: every count beside its threshold, nearest to its quarantine level first."""

from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from gateway.access import Action
from gateway.operations.rates import ShownRate, shown_forecast
from gateway.web.console.drawing import Bar, bar, spark
from gateway.web.console.lengths import breach_words
from gateway.web.console.page import Page
from gateway.web.console.rate_key import key_path, live_key
from gateway.web.console.rate_list import PATH, Row, Wanted, arranged, options, orders, wanted
from gateway.web.console.visit import Visit
from gateway.web.services import Services

PARTS: Final = 24
"""Parts of the period in the small line of a row."""


class ListedRate(msgspec.Struct, frozen=True):
    """A row of the list."""

    key: str
    """What events are matched by."""
    path: str
    rate: ShownRate
    name: str
    """Of the service."""
    breach: str
    bar: Bar
    spark: str
    highest: int
    """Of the parts of the small line."""


async def rates(visit: Visit) -> web.StreamResponse:
    """List the counts."""
    services, want = visit.services, wanted(visit.request.query)
    rows = _rows(services, want)
    found = arranged(rows, want, services.rules.current.service_name)
    return visit.show(
        "rates.html",
        wanted=want,
        found=found,
        listed=[_listed(services, row) for row in _foretold(services, found.rows)],
        options=options(rows, want),
        orders=orders(want.sort),
        now=services.clock(),
        total=len(rows),
    )


def _rows(services: Services, want: Wanted) -> list[Row]:
    rows = list(services.broadcast.current().items())
    return _foretold(services, rows) if want.sort.removeprefix("-") == "breach" else rows


def _foretold(services: Services, rows: Sequence[Row]) -> list[Row]:
    """Return *rows* with a time to breach where it was not told yet; where nothing counts, none is in sight."""
    return [
        row if row[1].time_to_breach or not row[1].count else (row[0], foretold(services, row))
        for row in rows
    ]


def foretold(services: Services, row: Row) -> ShownRate:
    """Return a rate with its time to breach."""
    forecast = services.counting.forecast(row[0])
    return msgspec.structs.replace(row[1], time_to_breach=shown_forecast(forecast)) if forecast else row[1]


def _listed(services: Services, row: Row) -> ListedRate:
    key, rate = row
    parts = services.counting.arrivals(key, PARTS)
    return ListedRate(
        key=live_key(key),
        path=key_path(key),
        rate=rate,
        name=services.rules.current.service_name(key.service),
        breach=breach_words(rate.time_to_breach) if rate.count else "not in sight",
        bar=bar(rate.count, rate.warning, rate.quarantine),
        spark=spark(parts) if any(parts) else "",
        highest=max(parts, default=0),
    )


PAGES: Final = (Page("GET", PATH, rates, Action.READ_MONITORING, "Rates", navigation=True),)
