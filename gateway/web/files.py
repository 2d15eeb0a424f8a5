"""ADT files over HTTP."""

import asyncio
import hashlib
from typing import Final

import msgspec
from aiohttp import web

from gateway.access import Action, Person
from gateway.errors import GatewayError, InvalidInput, NotFound, TokenUnavailable, TooLarge
from gateway.ingest.passed_on import plain
from gateway.operations.files import FILE_BYTES
from gateway.operations.second_person import strangers_to
from gateway.operations.signing import SigningError, last_signing_error
from gateway.store.adt_files import FileState, StoredFile, get_part
from gateway.store.deliveries import get_delivery
from gateway.web.answers import instants, json_answer
from gateway.web.auth import asker, still_asks
from gateway.web.services import SERVICES, Services

NOTE_BYTES: Final = 4096
"""Size of a body that holds a reason or a reference."""

FILE_TYPES: Final = {
    "content": "text/csv; charset=utf-8",
    "signature": "application/pkcs7-signature",
    "receipt": "application/json",
    "approval_evidence": "application/json",
}


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why something is done, or what the DCC answered."""

    reason: str = ""
    reference: str = ""


_decode_note = msgspec.json.Decoder(Note).decode


async def read_body(request: web.Request, limit: int) -> bytes:
    """Return the body; raise `TooLarge` before more than *limit* bytes are read.

    What is sent as gzip or deflate is unpacked.
    """
    if (request.content_length or 0) > limit:
        raise TooLarge(
            "too_large", f"the body has {request.content_length} bytes, the limit is {limit}", "Send less."
        )
    parts = []
    size = 0
    async for part in request.content.iter_chunked(65_536):
        size += len(part)
        if size > limit:
            raise TooLarge("too_large", f"the body has more than {limit} bytes", "Send less.")
        parts.append(part)
    encoding = request.headers.get("Content-Encoding", "")
    if encoding:
        return await asyncio.to_thread(plain, b"".join(parts), encoding, limit)
    return b"".join(parts)


async def asked_body(request: web.Request, limit: int) -> bytes:
    """Return the body of whom `asker` knew; raise also where they have lost access while it was on its way."""
    data = await read_body(request, limit)
    await still_asks(request)
    return data


async def _note(request: web.Request) -> Note:
    data = await asked_body(request, NOTE_BYTES)
    try:
        return _decode_note(data or b"{}")
    except msgspec.DecodeError as error:
        msg = f"the body is not what is expected here: {error}"
        raise InvalidInput("body_malformed", msg, 'Send JSON, such as {"reason": "…"}.') from error


def path_number(request: web.Request) -> int:
    """Return the number in the path; one beyond what a database counts to does not exist."""
    number = int(request.match_info["number"])
    if number >= 2**31:
        raise NotFound("number_unknown", f"nothing has the number {number}", "")
    return number


def shown(
    file: StoredFile, asker_: Person | None = None, strangers: frozenset[str] = frozenset()
) -> dict[str, object]:
    """Return a file as the API shows it; *strangers* are submitters who are not of the asker's directory."""
    fields = instants(file)
    if asker_ is not None:
        fields["may_approve"] = (
            file.state is FileState.SUBMITTED
            and asker_.may(Action.APPROVE_FILE)
            and file.submitted_by not in {asker_.name, *strangers}
        )
    return fields


async def submit(request: web.Request) -> web.Response:
    """Submit an ADT file: the body is the file, `?name=` its name."""
    person = await asker(request)
    services = request.app[SERVICES]
    person.require(Action.SUBMIT_FILE)  # before the body is read
    name = request.query.get("name", "")
    data = await asked_body(request, FILE_BYTES)
    file, check = await services.files.submit(person, name, data)
    return json_answer(shown(file) | {"warnings": check.warnings}, status=201)


async def list_all(request: web.Request) -> web.Response:
    """List the ADT files, newest first."""
    person = await asker(request)
    services = request.app[SERVICES]
    files = await services.files.newest(person)
    async with services.database.read() as connection:
        errors = {file.id: await last_signing_error(connection, file) for file in files}
    strangers = await strangers_to(services.database, person, files)
    return json_answer(
        {"files": [shown(file, person, strangers) | {"signing_error": errors[file.id]} for file in files]}
    )


async def get_one(request: web.Request) -> web.Response:
    """Show one ADT file, and how it was delivered."""
    person = await asker(request)
    services = request.app[SERVICES]
    file = await services.files.get(person, path_number(request))
    async with services.database.read() as connection:
        error = await last_signing_error(connection, file)
        delivery = await get_delivery(connection, file.id)
    more = {"signing_error": error, "delivery": instants(delivery) if delivery else None}
    strangers = await strangers_to(services.database, person, [file])
    return json_answer(shown(file, person, strangers) | more)


async def get_file_part(request: web.Request) -> web.Response:
    """Download the file, its signature, its receipt or what a passkey gave at its approval, byte for byte."""
    person = await asker(request)
    services = request.app[SERVICES]
    file = await services.files.get(person, path_number(request))
    asked = request.match_info["part"]
    part = {"file": "content", "approval": "approval_evidence"}.get(asked, asked)
    async with services.database.read() as connection:
        data = await get_part(connection, file.id, part)
        failed = await last_signing_error(connection, file)
    if data is None:
        raise _missing(file, part, failed)
    if part == "content" and hashlib.sha256(data).hexdigest() != file.sha256:
        msg = f"the stored bytes of {file.called} are not those that were submitted"
        raise GatewayError(
            "stored_bytes_changed", msg, "Somebody changed the database: adt-gateway audit verify"
        )
    names = {
        "content": file.name,
        "signature": file.signature_name,
        "receipt": f"{file.name}.receipt.json",
        "approval_evidence": f"{file.name}.approval.json",
    }
    headers = {
        "Content-Disposition": f'attachment; filename="{names[part]}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Type": FILE_TYPES[part],
    }
    return web.Response(body=data, headers=headers)


def _missing(file: StoredFile, part: str, failed: SigningError | None) -> NotFound:
    if part == "approval_evidence":
        msg = f"{file.called} was not approved with a passkey"
        return NotFound("adt_file_part_missing", msg, "Who approved it is in its receipt and on record.")
    msg = f"{file.called} has no {part} yet: it is {file.state}"
    if failed is None:
        return NotFound("adt_file_part_missing", msg, "Have it approved and signed first.")
    why = f"; it was not signed at {failed.at}: {failed.message} [{failed.code}]"
    remedy = "Mend what is named; it is signed by itself once the token works, or when it is approved again."
    return NotFound("adt_file_part_missing", msg + why, remedy)


async def approve(request: web.Request) -> web.Response:
    """Approve a file that somebody else submitted; it is signed and delivered at once where that can be done."""
    person = await asker(request)
    return json_answer(shown(await approve_file(request.app[SERVICES], person, path_number(request))))


async def approve_file(services: Services, person: Person, number: int) -> StoredFile:
    """Approve a file, and have it signed and delivered.

    Raises `TokenUnavailable` where it is approved and on record but not signed yet.
    """
    return await sign_and_deliver(services, await services.files.approve(person, number))


async def sign_and_deliver(services: Services, approved: StoredFile) -> StoredFile:
    """Sign an approved file and deliver it; raise `TokenUnavailable` where it is approved and not signed yet."""
    try:
        file = await services.signing.sign(approved.id)
    except TokenUnavailable as error:
        msg = f"{approved.called} is approved and on record, but not signed yet: {error.message}"
        remedy = f"{error.remedy} It is signed by itself once the token works, or when it is approved again."
        raise TokenUnavailable(error.code, msg, remedy) from error
    return await services.delivery.soon(file) if file.state is FileState.SIGNED else file


async def reject(request: web.Request) -> web.Response:
    """Reject a submitted file; body `{"reason"}`."""
    person = await asker(request)
    note = await _note(request)
    return json_answer(
        shown(await request.app[SERVICES].files.reject(person, path_number(request), note.reason))
    )


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw one's own file before it is signed; body `{"reason"}`."""
    person = await asker(request)
    note = await _note(request)
    return json_answer(
        shown(await request.app[SERVICES].files.withdraw(person, path_number(request), note.reason))
    )


async def deliver(request: web.Request) -> web.Response:
    """Deliver a signed file by the way that is set, again where it was delivered before."""
    person = await asker(request)
    return json_answer(shown(await request.app[SERVICES].delivery.ask(person, path_number(request))))


async def handed_over(request: web.Request) -> web.Response:
    """Record that one handed a signed file over oneself; body `{"reference"}` of the receipt."""
    person = await asker(request)
    person.require(Action.DELIVER_FILE)  # before the body is read
    note = await _note(request)
    delivery = request.app[SERVICES].delivery
    return json_answer(shown(await delivery.confirm(person, path_number(request), note.reference)))


async def acknowledge(request: web.Request) -> web.Response:
    """Record that the DCC acknowledged a file; body `{"reference"}`. An ADT file comes into force at its time."""
    person = await asker(request)
    note = await _note(request)
    services = request.app[SERVICES]
    file = await services.files.acknowledge(person, path_number(request), note.reference)
    services.in_force.ring()
    return json_answer(shown(file))
