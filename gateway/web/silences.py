"""Silences and planned-work windows over the API."""

from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from gateway.access import Action
from gateway.clock import to_text
from gateway.errors import InvalidInput
from gateway.operations.silences import NewSilence, SilenceRow
from gateway.store.silences import Scope, ShownMuted, StoredSilence
from gateway.web.answers import json_answer
from gateway.web.auth import asker
from gateway.web.files import asked_body, path_number
from gateway.web.services import SERVICES
from gateway.web.shapes import Instant
from thresholds.errors import InvalidValueError
from thresholds.instant import parse_instant

MOST: Final = 500
"""Silences, or muted alerts, in one answer at the most."""
BODY_BYTES: Final = 8192


class SilenceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A silence to be created; times are RFC 3339 in UTC, without fractions."""

    reason: str
    ends_at: str
    begins_at: str | None = None
    """Now, where it is left out or past."""
    kind: str = ""
    level: str = ""
    user_id: str = ""
    communication: str = ""
    service: str = ""
    planned_work: bool = False
    quarantine: bool = False
    """Whether quarantine-level incidents are muted too."""


class EndBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a silence is ended before its time."""

    reason: str


class Muted(msgspec.Struct, frozen=True):
    """An alert that was not sent; `told_at` says when the SOC was told of it after all."""

    incident: int
    event: str
    muted_at: Instant
    told_at: Instant | None
    record: int


class Silence(msgspec.Struct, frozen=True):
    """A silence, or a planned-work window."""

    id: int
    state: str
    """`planned`, `active` or `over`."""
    planned_work: bool
    reason: str
    created_by: str
    created_at: Instant
    begins_at: Instant
    ends_at: Instant
    ended_at: Instant | None
    ended_by: str | None
    end_reason: str | None
    kind: str
    level: str
    user_id: str
    communication: str
    service: str
    quarantine: bool
    record: int
    muted_count: int


class SilenceWithMuted(Silence, frozen=True):
    """A silence with the newest alerts that it muted; *withheld* more are of classified incidents."""

    muted: list[Muted]
    withheld: int


class SilenceList(msgspec.Struct, frozen=True):
    """Silences, the newest first."""

    silences: list[Silence]


def shown_silence(row: SilenceRow) -> Silence:
    """Return a silence as the API shows it."""
    fields = msgspec.structs.asdict(row.silence)
    values: dict[str, Any] = {
        name: to_text(value) if name.endswith("_at") and value is not None else value
        for name, value in fields.items()
        if name in Silence.__struct_fields__
    }
    return Silence(state=row.state, muted_count=row.muted, **values)


def _muted(row: ShownMuted) -> Muted:
    told = None if row.told_at is None else to_text(row.told_at)
    return Muted(row.incident_id, row.event, to_text(row.muted_at), told, row.record)


async def silences(request: web.Request) -> web.Response:
    """List silences, the newest first: those that are active or planned, or with `?state=all` all."""
    person = await asker(request)
    state = request.query.get("state", "holding")
    if state not in {"holding", "all"}:
        raise InvalidInput("query_malformed", "state must be holding or all", "Correct the address.")
    _, found = await request.app[SERVICES].silences.find(person, MOST, over=state == "all")
    return json_answer(SilenceList([shown_silence(row) for row in found]))


async def silence(request: web.Request) -> web.Response:
    """Show a silence with the alerts that it muted."""
    person = await asker(request)
    row, muted = await request.app[SERVICES].silences.one(person, path_number(request), MOST)
    fields = msgspec.structs.asdict(shown_silence(row))
    shown = [_muted(each) for each in muted]
    return json_answer(SilenceWithMuted(muted=shown, withheld=row.withheld, **fields))


async def create_silence(request: web.Request) -> web.Response:
    """Create a silence: alerts of what it names are muted until its end; incidents and evidence are as ever."""
    person = await asker(request)
    person.require(Action.SILENCE)  # before the body is read
    body = _decoded(await asked_body(request, BODY_BYTES), SilenceBody)
    made = await request.app[SERVICES].silences.create(person, new_silence(body))
    return json_answer(shown_silence(_row(request, made)), status=201)


async def end_silence(request: web.Request) -> web.Response:
    """End a silence before its time; body `{"reason"}`."""
    person = await asker(request)
    person.require(Action.SILENCE)
    note = _decoded(await asked_body(request, BODY_BYTES), EndBody)
    await request.app[SERVICES].silences.end(person, path_number(request), note.reason)
    row, _ = await request.app[SERVICES].silences.one(person, path_number(request), 0)
    return json_answer(shown_silence(row))


def _row(request: web.Request, made: StoredSilence) -> SilenceRow:
    return SilenceRow(made, made.state(request.app[SERVICES].clock()), 0)


Body = TypeVar("Body", SilenceBody, EndBody)


def _decoded(data: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        msg = f"the body is not what is expected: {error}"
        raise InvalidInput("body_malformed", msg, "See /api/v1/openapi.json.") from error


def new_silence(body: SilenceBody) -> NewSilence:
    """Return what *body* asks for; raise `InvalidInput` for a time that is none."""
    return NewSilence(
        reason=body.reason,
        begins_at=None if body.begins_at is None else _second(body.begins_at, "silence_begins"),
        ends_at=_second(body.ends_at, "silence_ends"),
        scope=Scope(body.kind, body.level, body.user_id, body.communication, body.service),
        planned_work=body.planned_work,
        quarantine=body.quarantine,
    )


def _second(text: str, code: str) -> int:
    try:
        return parse_instant(text)
    except InvalidValueError as error:
        raise InvalidInput(code, str(error), "Write it as 2026-12-01T08:00:00Z.") from None
