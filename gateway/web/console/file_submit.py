"""Submitting an ADT file: chosen, dropped or pasted, or only checked."""

import asyncio
from typing import Final

import msgspec
from aiohttp import web

from gateway.access import Action
from gateway.errors import GatewayError, InvalidInput
from gateway.operations.files import FILE_BYTES, DuplicateFile, RefusedFile
from gateway.web.console.file_list import FILES
from gateway.web.console.form import Fault, Form
from gateway.web.console.page import FORM_BYTES, Page
from gateway.web.console.visit import Visit
from thresholds.adt_excerpt import MOST_LINES, lines_around
from thresholds.adt_file import AdtCheck
from thresholds.faults import Fault as FileFault
from thresholds.layout import LineEnd

NEW: Final = f"{FILES}/new"
LISTED: Final = 20
"""Faults that the summary at the top lists; the rows below it tell of more."""
MENDABLE: Final = 1024 * 1024
"""Bytes of an uploaded file that are put into the form to be mended there."""


class Sent(msgspec.Struct, frozen=True):
    """What was sent: the name and bytes of the file, and what the form shows of it again."""

    name: str
    data: bytes
    text: str
    was_uploaded: bool
    own_name: str = ""
    """The name, where it is that of a file that was chosen: the next one that is chosen has its own."""


async def new(visit: Visit) -> web.StreamResponse:
    """Show the empty form."""
    return _form(visit, Sent("", b"", "", was_uploaded=False))


def _form(visit: Visit, sent: Sent, *faults: Fault, status: int = 200, **more: object) -> web.Response:
    usual = {"check": None, "lines": (), "general": (), "duplicate": None}
    found = usual | more
    return visit.show("file_new.html", status, sent=sent, faults=faults, most_lines=MOST_LINES, **found)


async def submit(visit: Visit) -> web.StreamResponse:
    """Submit a file, or only check it; one with faults is shown with them and stays in the form."""
    files, person = visit.services.files, visit.person
    sent = _sent(visit)
    if not sent.data:
        fault = f"{sent.name} is empty" if sent.was_uploaded else "Choose a file or paste its text"
        return _form(visit, sent, Fault("upload", fault), status=422)
    try:
        if visit.form.raw("do") == "check":
            return await _checked(visit, sent, await files.check(person, sent.name, sent.data))
        file, check = await files.submit(person, sent.name, sent.data)
    except RefusedFile as error:
        return await _checked(visit, sent, error.check, was_refused=True)
    except DuplicateFile as error:
        return _form(visit, sent, _fault(error, ""), status=error.status, duplicate=error.number)
    except InvalidInput as error:
        return _form(visit, sent, _fault(error, "name"), status=error.status)
    warned = f" Its warnings, {check.warning_count:,}, stand below." if check.warning_count else ""
    done = f"ADT file {file.id} is submitted. A second person must approve it.{warned}"
    return visit.go(f"{FILES}/{file.id}", done)


def _fault(error: GatewayError, field: str) -> Fault:
    return Fault(field, f"{error.message[:1].upper()}{error.message[1:]}")


async def _checked(visit: Visit, sent: Sent, check: AdtCheck, *, was_refused: bool = False) -> web.Response:
    """Show what the check found, beside the rows it is about."""
    profile = visit.services.rules.current.profile
    found = (*check.faults, *check.warnings)
    lines = await asyncio.to_thread(lines_around, sent.data, found, profile)
    listed = [_summary(fault) for fault in check.faults[:LISTED]]
    if check.fault_count > LISTED:
        listed.append(Fault("lines", f"And {check.fault_count - LISTED:,} more faults"))
    return _form(
        visit,
        sent,
        *listed,
        status=200 if check.accepted else 422,
        check=check,
        lines=lines,
        general=[fault for fault in found if not fault.line],
        was_refused=was_refused,
    )


def _summary(fault: FileFault) -> Fault:
    if not fault.line:
        return Fault("general", f"The whole file: {fault.message}")
    column = f", column {fault.column} {fault.column_name}".rstrip() if fault.column else ""
    return Fault(f"line-{fault.line}", f"Line {fault.line}{column}: {fault.message}")


def _sent(visit: Visit) -> Sent:
    """Return what was sent; a file that was chosen goes before text that was pasted."""
    form = visit.form
    name, upload = form.text("name"), form.uploads.get("upload")
    own_name = form.text("own_name") if name == form.text("own_name") else ""
    if upload is not None and upload.name:
        if not name or own_name:
            name = own_name = upload.name.replace("\\", "/").rpartition("/")[2]
        return Sent(name, upload.content, _mendable(upload.content), was_uploaded=True, own_name=own_name)
    text = form.raw("content")
    return Sent(name or "adt.csv", _pasted(visit, form), text, was_uploaded=False, own_name=own_name)


def _pasted(visit: Visit, form: Form) -> bytes:
    """Return pasted text as a file: browsers end its lines with CRLF, which not every profile allows."""
    text = form.raw("content")
    if LineEnd.CRLF not in visit.services.rules.current.profile.line_ends:
        text = text.replace("\r\n", "\n")
    return text.encode()


def _mendable(data: bytes) -> str:
    """Return an uploaded file as text for the form; empty where a form would change more than line ends."""
    if len(data) > MENDABLE:
        return ""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    plain = text.replace("\r\n", "\n").replace("\n", "").replace("\t", "")
    return text if plain.isprintable() else ""


PAGES: Final = (
    Page("GET", NEW, new, Action.SUBMIT_FILE, "Submit an ADT file", parent=FILES),
    Page(
        "POST",
        NEW,
        submit,
        Action.SUBMIT_FILE,
        "Submit an ADT file",
        parent=FILES,
        form_bytes=FILE_BYTES + FORM_BYTES,
        kept_field="content",
    ),
)
