"""The channels to the SOC: how each does, a test, and dead letters sent anew or discarded."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.errors import AlertUnreadable, Conflict, InvalidInput, NotFound
from gateway.operations.alert_shapes import TestResult
from gateway.operations.files import REASON_LIMIT
from gateway.store.outbox_list import AlertState
from gateway.web.alerts import NAME
from gateway.web.console.form import Fault
from gateway.web.console.page import Page
from gateway.web.console.paging import ROWS, Paging, address, asked_choice, asked_number, asked_text
from gateway.web.console.visit import Visit
from gateway.web.files import path_number

ALERTS: Final = "/alerts"
ONE: Final = f"{ALERTS}/{{number:[0-9]{{1,10}}}}"
CHANNEL: Final = f"/channels/{NAME}"
STATES: Final = {AlertState.DEAD: "dead letters", AlertState.WAITING: "waiting", AlertState.SENT: "taken"}
"""How the page names what became of an alert."""


async def listed(visit: Visit) -> web.StreamResponse:
    """Show each channel, and a page of the alerts of one state: dead letters unless the address says otherwise."""
    return await _page(visit)


async def _page(visit: Visit, *faults: Fault) -> web.Response:
    request, desk = visit.request, visit.services.alert_desk
    state = AlertState(asked_choice(request, "state", AlertState) or AlertState.DEAD)
    channel, page = asked_text(request, "channel"), asked_number(request, "page", 1, lowest=1)
    channels = await desk.look(visit.person)
    found = await desk.listed(visit.person, state, channel or None, ROWS, (page - 1) * ROWS)
    conditions = {"state": str(state), "channel": channel}
    names = dict.fromkeys([*(each.name for each in channels), *([channel] if channel else [])])
    return visit.show(
        "alerts.html",
        title="Alerts",
        faults=faults,
        channels=channels,
        state=state,
        wanted=conditions,
        state_options=[(each, STATES[each]) for each in AlertState],
        channel_options=[("", "any"), *((name, name) for name in names)],
        alerts=found.alerts,
        paging=Paging(address(ALERTS, conditions), page, found.counted.count, is_more=found.counted.is_more),
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
    except AlertUnreadable as error:
        return await _page(visit, Fault("", f"Alert {number} was not sent: {error.message}. {error.remedy}"))
    return visit.go(ALERTS, f"Alert {number} will be sent to {alert.channel} anew.")


async def resend_all(visit: Visit) -> web.StreamResponse:
    """Send every dead letter of a channel anew."""
    name = visit.request.match_info["name"]
    count = await visit.services.alert_desk.resend_all(visit.person, name)
    return visit.go(ALERTS, f"{count} dead letter{'' if count == 1 else 's'} will be sent to {name} anew.")


async def ask_discard(visit: Visit) -> web.StreamResponse:
    """Ask why one alert is to be discarded."""
    return await _discard_page(visit)


async def _discard_page(visit: Visit, *faults: Fault) -> web.Response:
    number = path_number(visit.request)
    alert = await visit.services.alert_desk.one(visit.person, number)
    return visit.show(
        "alert_discard.html",
        422 if faults else 200,
        title=f"Discard alert {number}",
        faults=faults,
        sent=visit.form,
        path=f"{ALERTS}/{number}/discard",
        alert=alert,
        look=None,
        reason_limit=REASON_LIMIT,
    )


async def discard(visit: Visit) -> web.StreamResponse:
    """Discard one alert."""
    number = path_number(visit.request)
    try:
        alert = await visit.services.alert_desk.discard(visit.person, number, visit.form.text("reason"))
    except InvalidInput:
        return await _discard_page(visit, _why())
    except (Conflict, NotFound):
        return visit.go(ALERTS, f"Alert {number} is not to be discarded any more.")
    return visit.go(
        address(ALERTS, {"state": alert.state}), f"Alert {number} to {alert.channel} is discarded."
    )


async def ask_discard_all(visit: Visit) -> web.StreamResponse:
    """Ask why all that is left for a channel is to be discarded."""
    return await _discard_all_page(visit)


async def _discard_all_page(visit: Visit, *faults: Fault) -> web.Response:
    name = visit.request.match_info["name"]
    looks = await visit.services.alert_desk.look(visit.person)
    return visit.show(
        "alert_discard.html",
        422 if faults else 200,
        title=f"Discard what is left for {name}",
        faults=faults,
        sent=visit.form,
        path=f"/channels/{name}/discard",
        alert=None,
        look=next((look for look in looks if look.name == name), None),
        reason_limit=REASON_LIMIT,
    )


async def discard_all(visit: Visit) -> web.StreamResponse:
    """Discard all that is left for a channel which is not set any more."""
    name = visit.request.match_info["name"]
    try:
        count = await visit.services.alert_desk.discard_all(visit.person, name, visit.form.text("reason"))
    except InvalidInput:
        return await _discard_all_page(visit, _why())
    except (Conflict, NotFound) as error:
        return visit.go(ALERTS, f"Nothing was discarded: {error.message}.")
    return visit.go(
        ALERTS,
        f"{count} alert{'' if count == 1 else 's'} to {name} {'is' if count == 1 else 'are'} discarded.",
    )


def _why() -> Fault:
    return Fault("reason", f"Say why, in 1 to {REASON_LIMIT} characters.")


_HANDLE: Final = Action.HANDLE_ALERTS

PAGES: Final = (
    Page("GET", ALERTS, listed, Action.READ_MONITORING, "Alerts", navigation=True),
    Page("POST", f"{ONE}/resend", resend, _HANDLE, "Alerts", parent=ALERTS),
    Page("GET", f"{ONE}/discard", ask_discard, _HANDLE, "Discard alert", parent=ALERTS),
    Page("POST", f"{ONE}/discard", discard, _HANDLE, "Discard alert", parent=ALERTS, kept_field="reason"),
    Page("POST", f"{CHANNEL}/resend", resend_all, _HANDLE, "Alerts", parent=ALERTS),
    Page("GET", f"{CHANNEL}/discard", ask_discard_all, _HANDLE, "Discard", parent=ALERTS),
    Page("POST", f"{CHANNEL}/discard", discard_all, _HANDLE, "Discard", parent=ALERTS, kept_field="reason"),
    Page("POST", f"{CHANNEL}/test", test, _HANDLE, "Alerts", parent=ALERTS),
)
