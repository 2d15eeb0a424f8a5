"""The DCC's messages in; held requests, DSP PM 11 and differences of thresholds out."""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.errors import InvalidInput
from gateway.ingest.dcc.response import RESPONSE_MAX_BYTES, BreachKind
from gateway.ingest.dcc.signature import Trust
from gateway.store.dcc_alerts import AlertFilter
from gateway.store.quarantined import MATCHES, STATES, HeldFilter
from gateway.web.answers import json_answer
from gateway.web.auth import asker
from gateway.web.dcc_shapes import texts
from gateway.web.files import asked_body, path_number
from gateway.web.queries import asked_number
from gateway.web.services import SERVICES

LIMIT: Final = 1000
"""Rows in one answer at the most."""
MEASURE: Final = "DSP PM 11"
TRUSTS: Final = (*Trust, "not_verified")


async def take_alert(request: web.Request) -> web.Response:
    """Take one DUIS Response of the DCC; 202 after the commit with what it was recognised as."""
    (await asker(request)).require(Action.SEND_COMMUNICATIONS)
    if request.content_type not in {"application/xml", "text/xml"}:
        raise web.HTTPUnsupportedMediaType(text="Send application/xml.")
    data = await asked_body(request, RESPONSE_MAX_BYTES)
    return json_answer(await request.app[SERVICES].dcc_inbox.take(data, "http"), status=202)


def _choice(request: web.Request, name: str, choices: tuple[str, ...]) -> str:
    text = request.query.get(name, "")
    if text and text not in choices:
        words = f"{name} must be one of {', '.join(choices)}"
        raise InvalidInput("query_malformed", words, "Correct the address.")
    return text


def _text(request: web.Request, name: str) -> str:
    return request.query.get(name, "").strip()[:80].upper()


async def alerts(request: web.Request) -> web.Response:
    """List alerts that speak of quarantine, newest first; `?trust=`, `?request_id=`, `?limit=`, `?skip=`."""
    person = await asker(request)
    wanted = AlertFilter(_choice(request, "trust", TRUSTS), _text(request, "request_id"))
    limit, skip = asked_number(request, "limit", 200, LIMIT), asked_number(request, "skip", 0, 2**31)
    found = await request.app[SERVICES].quarantine.alerts(person, wanted, limit, skip)
    return json_answer({"count": found.count, "alerts": [texts(each) for each in found.alerts]})


async def alert(request: web.Request) -> web.Response:
    """Show one alert, its bytes as they came, and the request that it is believed to speak of."""
    person = await asker(request)
    found = await request.app[SERVICES].quarantine.alert(person, path_number(request))
    held = texts(found.held) if found.held else None
    content = found.content.decode("utf-8", "replace")
    return json_answer(texts(found.alert, content=content, held=held))


async def quarantined(request: web.Request) -> web.Response:
    """List requests that the DCC holds or held; `?state=`, `?user=`, `?event=`, `?breach=`, `?matched=`, `?limit=`."""
    person = await asker(request)
    wanted = HeldFilter(
        state=_choice(request, "state", STATES),
        user_id=_text(request, "user"),
        event_ref=_text(request, "event"),
        breach=_choice(request, "breach", tuple(BreachKind)),
        matched=_choice(request, "matched", MATCHES),
        request_id=_text(request, "request_id"),
    )
    limit, skip = asked_number(request, "limit", 200, LIMIT), asked_number(request, "skip", 0, 2**31)
    found = await request.app[SERVICES].quarantine.held(person, wanted, limit, skip)
    return json_answer({"count": found.count, "requests": [texts(each) for each in found.held]})


async def differences(request: web.Request) -> web.Response:
    """Show what we expected the DCC to hold and what it held without our expecting it, of the last 92 days."""
    person = await asker(request)
    found = await request.app[SERVICES].quarantine.differences(person)
    return json_answer(
        {
            "expected": [texts(each.found, verdict=each.verdict) for each in found.expected],
            "unexpected": [texts(each) for each in found.unexpected],
        }
    )


async def pm11(request: web.Request) -> web.Response:
    """Show DSP PM 11 of a month, seen from here, and its slowest requests; `?month=2026-12`, `?limit=`, `?skip=`."""
    person = await asker(request)
    quarantine = request.app[SERVICES].quarantine
    month = request.query.get("month") or quarantine.this_month()
    limit, skip = asked_number(request, "limit", 200, LIMIT), asked_number(request, "skip", 0, 2**31)
    sums = await quarantine.pm11(person, month)
    rows = [
        texts(
            each,
            seconds_at_least=each.shortest_ms / 1000,
            seconds_at_most=each.longest_ms / 1000,
            within=each.within,
        )
        for each in await quarantine.pm11_list(person, month, limit, skip)
    ]
    return json_answer({"measure": MEASURE, "sums": sums, "requests": rows})


async def pm11_csv(request: web.Request) -> web.StreamResponse:
    """Send every request of DSP PM 11 of a month as CSV; `?month=2026-12`."""
    person = await asker(request)
    quarantine = request.app[SERVICES].quarantine
    month = request.query.get("month") or quarantine.this_month()
    return await send_pm11(request, quarantine.pm11_csv(person, month), month)


async def send_pm11(request: web.Request, parts: AsyncIterator[bytes], month: str) -> web.StreamResponse:
    """Send *parts* of CSV; what is wrong with the month is told before the first."""
    first = await anext(parts)
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="dsp-pm-11-{month}.csv"',
        }
    )
    await response.prepare(request)
    await response.write(first)
    async for part in parts:
        await response.write(part)
    await response.write_eof()
    return response
