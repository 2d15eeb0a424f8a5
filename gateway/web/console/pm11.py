"""DSP PM 11: how long the DCC took to tell us of anomalous requests."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.web import dcc
from gateway.web.console import quarantine_words as words
from gateway.web.console.page import Page
from gateway.web.console.paging import ROWS, Paging, address, asked_number, asked_text
from gateway.web.console.quarantine import QUARANTINE
from gateway.web.console.visit import Visit

PM11: Final = f"{QUARANTINE}/pm-11"


async def shown(visit: Visit) -> web.StreamResponse:
    """Show DSP PM 11 of one month, and its requests, the slowest first."""
    quarantine = visit.services.quarantine
    month = asked_text(visit.request, "month") or quarantine.this_month()
    page = asked_number(visit.request, "page", 1, lowest=1)
    sums = await quarantine.pm11(visit.person, month)
    delays = await quarantine.pm11_list(visit.person, month, ROWS, (page - 1) * ROWS)
    return visit.show(
        "pm11.html",
        title=f"{dcc.MEASURE} of {month}",
        measure=dcc.MEASURE,
        month=month,
        sums=sums,
        delays=delays,
        paging=Paging(address(PM11, {"month": month}), page, sums.count + sums.clock_difference),
        words=words,
    )


async def download(visit: Visit) -> web.StreamResponse:
    """Send every request of the month as CSV."""
    month = asked_text(visit.request, "month") or visit.services.quarantine.this_month()
    parts = visit.services.quarantine.pm11_csv(visit.person, month)
    return await dcc.send_pm11(visit.request, parts, month)


PAGES: Final = (
    Page("GET", PM11, shown, Action.READ_MONITORING, "DSP PM 11", parent=QUARANTINE),
    Page("GET", f"{PM11}/requests.csv", download, Action.READ_MONITORING, "DSP PM 11 as CSV", parent=PM11),
)
