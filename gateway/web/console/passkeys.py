"""Passkeys: one's own, and the approval of a file with one. Both need script; nothing else does."""

from typing import Final

from aiohttp import web

from gateway.access import Action
from gateway.audit.signed_file import FileKind
from gateway.errors import Conflict, InvalidInput, NotFound
from gateway.operations.passkeys import LABEL_LENGTH, Passkeys
from gateway.store.adt_files import StoredFile
from gateway.web.console.form import Fault
from gateway.web.console.page import Page
from gateway.web.console.visit import Visit
from gateway.web.files import path_number, sign_and_deliver

ACCOUNT: Final = "/account"
OWN: Final = f"{ACCOUNT}/passkeys"
NEW: Final = f"{OWN}/new"
APPROVAL: Final = "/files/{number:[0-9]{1,10}}/passkey"


def _passkeys(visit: Visit) -> Passkeys:
    if visit.services.passkeys is None:
        msg = "there are no passkeys here"
        raise NotFound("passkeys_off", msg, "They need passkeys.origin in the settings.")
    return visit.services.passkeys


async def new(visit: Visit) -> web.StreamResponse:
    """Show the form for another passkey."""
    return await _new_form(visit)


async def _new_form(visit: Visit, *faults: Fault) -> web.Response:
    asked = await _passkeys(visit).ask_new(visit.session)
    return visit.show(
        "passkey_new.html",
        422 if faults else 200,
        title="Add a passkey",
        crumbs=[("Account", ACCOUNT)],
        faults=faults,
        sent=visit.form,
        asked=asked,
        longest=LABEL_LENGTH,
    )


async def add(visit: Visit) -> web.StreamResponse:
    """Keep the passkey that the browser made."""
    nonce, answer, label = visit.form.raw("nonce"), visit.form.raw("answer"), visit.form.text("label")
    try:
        await _passkeys(visit).add(visit.session, nonce, answer, label)
    except InvalidInput as error:
        field = "label" if error.code == "passkey_label" else ""
        text = f"{error.message[:1].upper()}{error.message[1:]}. {error.remedy}"
        return await _new_form(visit, Fault(field, text))
    return visit.go(ACCOUNT, "The passkey is added. You can approve files with it.")


async def remove(visit: Visit) -> web.StreamResponse:
    """Let one of one's own passkeys work no more."""
    name, number = visit.person.name, path_number(visit.request)
    await _passkeys(visit).remove(name, name, number)
    return visit.go(ACCOUNT, f"Passkey {number} is removed.")


async def remove_of(visit: Visit) -> web.StreamResponse:
    """Let a passkey of a person work no more: they lost it."""
    name, number = visit.request.match_info["name"], path_number(visit.request)
    await _passkeys(visit).remove(visit.person.name, name, number)
    return visit.go(f"/people/{name}", f"Passkey {number} of {name} is removed.")


async def approval(visit: Visit) -> web.StreamResponse:
    """Show what is approved, and have it approved with a passkey."""
    return await _approval(visit)


async def _approval(visit: Visit, *faults: Fault) -> web.Response:
    number = path_number(visit.request)
    file, asked = await _passkeys(visit).ask_approval(visit.session, number)
    return visit.show(
        "passkey_approval.html",
        Conflict.status if faults else 200,
        title=f"Approve {file.called}",
        faults=faults,
        file=file,
        asked=asked,
        in_force=await _in_force(visit, file),
    )


async def _in_force(visit: Visit, file: StoredFile) -> int:
    """Return what an approval of thresholds was seen beside; 0 for a file that sets none."""
    if file.kind is not FileKind.ADT:
        return 0
    return (await visit.services.reviews.read(visit.person, file.id)).in_force


async def approve(visit: Visit) -> web.StreamResponse:
    """Approve a file with the passkey that answered; it is signed and delivered at once where that can be done."""
    number, form = path_number(visit.request), visit.form
    seen = form.raw("in_force")
    if seen and seen != str(await _in_force(visit, await visit.services.files.get(visit.person, number))):
        fault = (
            "What is in force has changed since you looked. Look at the difference on the file's page again"
        )
        return await _approval(visit, Fault("", fault))
    file = await _passkeys(visit).approve(visit.session, number, form.raw("nonce"), form.raw("answer"))
    if file.approved_by != visit.person.name:
        raise Conflict("adt_file_state", f"{file.approved_by} approved it", "Look at the file's page.")
    file = await sign_and_deliver(visit.services, file)
    return visit.go(f"/files/{file.id}", f"You approved {file.called}, {file.name}. It is {file.state}.")


_NUMBER: Final = "{number:[0-9]{1,10}}"
_PERSON: Final = "/people/{name:[a-z][a-z0-9._-]{0,62}}"

PAGES: Final = (
    Page("GET", NEW, new, Action.USE_CONSOLE, "Add a passkey", parent=ACCOUNT),
    Page("POST", OWN, add, Action.USE_CONSOLE, "Add a passkey", parent=ACCOUNT),
    Page("POST", f"{OWN}/{_NUMBER}/remove", remove, Action.USE_CONSOLE, "Account"),
    Page("POST", f"{_PERSON}/passkeys/{_NUMBER}/remove", remove_of, Action.MANAGE_PEOPLE, "Person"),
    Page("GET", APPROVAL, approval, Action.APPROVE_FILE, "Approve an ADT file", parent="/files"),
    Page("POST", APPROVAL, approve, Action.APPROVE_FILE, "Approve an ADT file", parent="/files"),
)
