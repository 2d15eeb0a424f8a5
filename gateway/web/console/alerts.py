"""The channels to the SOC: how each does, a test, and dead letters sent anew."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.errors import Conflict
from gateway.operations.alert_desk import TestResult
from gateway.store.outbox_list import AlertState
from gateway.web.alerts import NAME
from gateway.web.console.form import Fault
from gateway.web.console.page import Page
from gateway.web.console.paging import asked_choice
from gateway.web.console.visit import Visit
from gateway.web.files import path_number

ALERTS: Final = "/alerts"
SHOWN: Final = 100
"""Alerts of one state that are listed."""


async def listed(visit: Visit) -> web.StreamResponse:
    """Show each channel, and the newest alerts of one state: dead letters unless the address says otherwise."""
    return await _page(visit)


async def _page(visit: Visit, *faults: Fault) -> web.Response:
    state = asked_choice(visit.request, "state", AlertState) or AlertState.DEAD
    desk = visit.services.alert_desk
    return visit.show(
        "alerts.html",
        title="Alerts",
        faults=faults,
        channels=await desk.look(visit.person),
        state=state,
        states=list(AlertState),
        alerts=await desk.listed(visit.person, AlertState(state), None, SHOWN),
        most=SHOWN,
        may_handle=visit.person.may(Action.HANDLE_ALERTS),
    )


async def test(visit: Visit) -> web.StreamResponse:
    """Send a test to the other side of a channel, and say what it answered."""
    name = visit.request.match_info["name"]
    result = await visit.services.alert_desk.test(visit.person, name)
    if result.taken:
        return visit.go(ALERTS, f"The test of {name} was taken. The other side said: {result.said}")
    return await _page(visit, Fault("", _sentence(result)))


def _sentence(result: TestResult) -> str:
    return f"The test of {result.channel} was not taken: {result.message} ({result.code}). {result.remedy}"


async def resend(visit: Visit) -> web.StreamResponse:
    """Send one dead letter anew."""
    number = path_number(visit.request)
    try:
        alert = await visit.services.alert_desk.resend(visit.person, number)
    except Conflict:
        return visit.go(ALERTS, f"Alert {number} is no dead letter any more.")
    return visit.go(ALERTS, f"Alert {number} will be sent to {alert.channel} anew.")


async def resend_all(visit: Visit) -> web.StreamResponse:
    """Send every dead letter of a channel anew."""
    name = visit.request.match_info["name"]
    count = await visit.services.alert_desk.resend_all(visit.person, name)
    return visit.go(ALERTS, f"{count} dead letter{'' if count == 1 else 's'} will be sent to {name} anew.")


_HANDLE: Final = Action.HANDLE_ALERTS

PAGES: Final = (
    Page("GET", ALERTS, listed, Action.READ_MONITORING, "Alerts", navigation=True),
    Page("POST", f"{ALERTS}/{{number:[0-9]{{1,10}}}}/resend", resend, _HANDLE, "Alerts", parent=ALERTS),
    Page("POST", f"/channels/{NAME}/resend", resend_all, _HANDLE, "Alerts", parent=ALERTS),
    Page("POST", f"/channels/{NAME}/test", test, _HANDLE, "Alerts", parent=ALERTS),
)
