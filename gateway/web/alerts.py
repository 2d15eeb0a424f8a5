"""Alerts over HTTP: the channels, what waits, dead letters sent anew or discarded, a test."""

from typing import Final

import msgspec
from aiohttp import web

from gateway.access import Action, Person
from gateway.errors import InvalidInput
from gateway.operations.alert_shapes import ChannelLook, ShownAlert
from gateway.store.outbox_list import AlertState
from gateway.web.answers import instants, json_answer
from gateway.web.auth import asker
from gateway.web.files import asked_body, path_number
from gateway.web.queries import asked_number
from gateway.web.services import SERVICES
from gateway.web.shapes import with_instants

NAME: Final = "{name:[a-z][a-z0-9-]{0,31}}"
"""A channel's name in a path."""
LIMIT: Final = 1000
"""Alerts in one answer at the most."""
BODY_BYTES: Final = 8192

Channel = with_instants(ChannelLook, "Channel")
ListedAlert = with_instants(ShownAlert, "ListedAlert")


class Alerts(msgspec.Struct, frozen=True):
    """How each channel does, and alerts of one state, the newest first."""

    channels: list[Channel]  # type: ignore[valid-type] # made above
    count: int
    """Alerts that match."""
    is_more: bool
    """Whether there are more than *count*: beyond it they are not counted."""
    alerts: list[ListedAlert]  # type: ignore[valid-type] # made above


class DiscardAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why something is discarded."""

    reason: str


class Discarded(msgspec.Struct, frozen=True):
    """How many alerts are discarded."""

    discarded: int


class Resent(msgspec.Struct, frozen=True):
    """How many dead letters are sent anew."""

    resent: int


async def alerts(request: web.Request) -> web.Response:
    """Show how each channel does, and its dead letters; `?state=waiting` or `sent`, `?channel=`, `?limit=`, `?skip=`."""
    person = await asker(request)
    person.require(Action.READ_MONITORING)
    state = request.query.get("state", AlertState.DEAD)
    if state not in set(AlertState):
        raise InvalidInput("query_malformed", "state must be dead, waiting or sent", "Correct the address.")
    limit, skip = asked_number(request, "limit", 200, LIMIT), asked_number(request, "skip", 0, 2**31)
    desk = request.app[SERVICES].alert_desk
    found = await desk.listed(person, AlertState(state), request.query.get("channel"), limit, skip)
    return json_answer(
        {
            "channels": [instants(look) for look in await desk.look(person)],
            "count": found.counted.count,
            "is_more": found.counted.is_more,
            "alerts": [instants(alert) for alert in found.alerts],
        }
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


async def discard(request: web.Request) -> web.Response:
    """Discard a dead letter, or what waits for a channel that is not set any more."""
    person, reason = await _asked(request)
    await request.app[SERVICES].alert_desk.discard(person, path_number(request), reason)
    return json_answer(Discarded(1))


async def discard_all(request: web.Request) -> web.Response:
    """Discard all that a channel which is not set any more has not taken."""
    person, reason = await _asked(request)
    desk = request.app[SERVICES].alert_desk
    return json_answer(Discarded(await desk.discard_all(person, request.match_info["name"], reason)))


async def _asked(request: web.Request) -> tuple[Person, str]:
    """Return who asks and why; the role is looked at before the body is read."""
    person = await asker(request)
    person.require(Action.HANDLE_ALERTS)
    try:
        body = msgspec.json.decode(await asked_body(request, BODY_BYTES), type=DiscardAsked)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        msg = f"the body is not what is expected: {error}"
        raise InvalidInput("body_malformed", msg, 'Send JSON, such as {"reason": "…"}.') from error
    return person, body.reason


async def test(request: web.Request) -> web.Response:
    """Send a test to a channel's other side; say what it answered, or what is wrong."""
    person = await asker(request)
    person.require(Action.HANDLE_ALERTS)
    return json_answer(await request.app[SERVICES].alert_desk.test(person, request.match_info["name"]))
