"""Alerts over HTTP: the channels, what waits, dead letters sent anew, a test."""

from typing import Final

import msgspec
from aiohttp import web

from gateway.access import Action
from gateway.errors import InvalidInput
from gateway.operations.alert_desk import ChannelLook, ShownAlert
from gateway.store.outbox_list import AlertState
from gateway.web.answers import instants, json_answer
from gateway.web.auth import asker
from gateway.web.files import path_number
from gateway.web.services import SERVICES
from gateway.web.shapes import with_instants

NAME: Final = "{name:[a-z][a-z0-9-]{0,31}}"
"""A channel's name in a path."""
LIMIT: Final = 200
"""Alerts in one answer at the most."""

Channel = with_instants(ChannelLook, "Channel")
ListedAlert = with_instants(ShownAlert, "ListedAlert")


class Alerts(msgspec.Struct, frozen=True):
    """How each channel does, and the newest alerts of one state."""

    channels: list[Channel]  # type: ignore[valid-type] # made above
    alerts: list[ListedAlert]  # type: ignore[valid-type] # made above


class Resent(msgspec.Struct, frozen=True):
    """How many dead letters are sent anew."""

    resent: int


async def alerts(request: web.Request) -> web.Response:
    """Show how each channel does, and its dead letters; `?state=waiting` or `sent`, `?channel=`."""
    person = await asker(request)
    person.require(Action.READ_MONITORING)
    state = request.query.get("state", AlertState.DEAD)
    if state not in set(AlertState):
        raise InvalidInput("query_malformed", "state must be dead, waiting or sent", "Correct the address.")
    desk = request.app[SERVICES].alert_desk
    found = await desk.listed(person, AlertState(state), request.query.get("channel"), LIMIT)
    looks = await desk.look(person)
    return json_answer(
        {"channels": [instants(look) for look in looks], "alerts": [instants(alert) for alert in found]}
    )


async def resend(request: web.Request) -> web.Response:
    """Send one dead letter anew."""
    person = await asker(request)
    person.require(Action.HANDLE_ALERTS)
    await request.app[SERVICES].alert_desk.resend(person, path_number(request))
    return json_answer(Resent(1))


async def resend_all(request: web.Request) -> web.Response:
    """Send every dead letter of a channel anew."""
    person = await asker(request)
    person.require(Action.HANDLE_ALERTS)
    count = await request.app[SERVICES].alert_desk.resend_all(person, request.match_info["name"])
    return json_answer(Resent(count))


async def test(request: web.Request) -> web.Response:
    """Send a test to a channel's other side; say what it answered, or what is wrong."""
    person = await asker(request)
    person.require(Action.HANDLE_ALERTS)
    return json_answer(await request.app[SERVICES].alert_desk.test(person, request.match_info["name"]))
