"""Counts of the past, for charts."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.errors import InvalidInput
from gateway.store.counts import Stretch
from gateway.web.answers import json_answer
from gateway.web.auth import asker
from gateway.web.services import SERVICES
from gateway.web.shapes import History
from thresholds.errors import InvalidValueError
from thresholds.eui64 import parse_user_id
from thresholds.instant import format_instant, parse_instant
from thresholds.model import ALL, ANY_SERVICE, DEVICES, CommunicationClass

POINTS: Final = 44_640
"""Points in one answer at the most: the minutes of 31 days."""

STEPS: Final = {"60": 60, "3600": 3600, "86400": 86_400}
COMMUNICATIONS: Final = (*CommunicationClass, ALL, DEVICES)
_REMEDY: Final = "Correct the address."


async def history(request: web.Request) -> web.Response:
    """Return counts of the past: `?user_id=&communication=&service=&from=&to=&step=`; step 60, 3600 or 86400 s.

    What a threshold of these three would count, in each step from the one that holds *from* to before *to*.
    """
    person = await asker(request)
    person.require(Action.READ_MONITORING)
    stretch = _stretch(request)
    counts = await request.app[SERVICES].history.read(person, stretch)
    return json_answer(
        History(
            user_id=stretch.user_id,
            communication=stretch.communication,
            service=stretch.service,
            first=format_instant(stretch.first),
            end=format_instant(stretch.end),
            step=stretch.step,
            counts=counts,
        )
    )


def _stretch(request: web.Request) -> Stretch:
    query = request.query
    step = STEPS.get(query.get("step", "60"))
    if step is None:
        raise InvalidInput("query_malformed", f"step must be {', '.join(STEPS)}", _REMEDY)
    communication = query.get("communication", ALL)
    if communication not in COMMUNICATIONS:
        raise InvalidInput("query_malformed", f"communication must be {', '.join(COMMUNICATIONS)}", _REMEDY)
    try:
        user_id = parse_user_id(query.get("user_id", ""))
        first, end = (parse_instant(query.get(name, "")) for name in ("from", "to"))
    except InvalidValueError as error:
        raise InvalidInput("query_malformed", f"user_id, from or to: {error}", _REMEDY) from None
    first, end = first // step * step, -(-end // step) * step
    if end <= first:
        raise InvalidInput("query_malformed", "to must be after from", _REMEDY)
    if (end - first) // step > POINTS:
        points = (end - first) // step
        raise InvalidInput(
            "too_many_points", f"{points} points (limit {POINTS})", "Ask for less time or a longer step."
        )
    return Stretch(user_id, communication, query.get("service", ANY_SERVICE), first, end, step)
