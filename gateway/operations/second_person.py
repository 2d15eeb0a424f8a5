"""Who is a second person for a file, and what a passkey proves of it."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Action, Person
from gateway.errors import NotPermitted
from gateway.store.adt_files import StoredFile
from gateway.store.database import Database
from gateway.store.passkeys import PasskeyRow, note_passkey_use
from gateway.store.people import find_person, of_another_directory


class Proof(msgspec.Struct, frozen=True):
    """An assertion of a passkey that was found to hold for a file."""

    passkey: PasskeyRow
    """As it was when the assertion was verified."""
    sign_count: int
    """What its authenticator says now."""
    evidence: bytes
    """Canonical JSON, for whoever verifies it later."""
    sha256: str
    """Of the file's bytes."""

    @property
    def detail(self) -> dict[str, Any]:
        """What the audit record of the approval says of it."""
        return {"number": self.passkey.id, "evidence_sha256": hashlib.sha256(self.evidence).hexdigest()}


async def refusal(
    connection: AsyncConnection, file: StoredFile, person: Person, *, lacks: bool
) -> NotPermitted | None:
    """Return why *person* may not approve *file*, or None; *lacks* says that a passkey is required and missing.

    Two accounts of one directory are two people: an admin or the provider has seen to it. Of a local account and
    one of a provider nobody can say so; one human may well have both.
    """
    if file.submitted_by == person.name:
        msg = f"{person.name} submitted {file.called} and so cannot approve it"
        return NotPermitted("second_person_required", msg, "Ask another person with the role approver.")
    submitter = await find_person(connection, file.submitted_by)
    approver = await find_person(connection, person.name)
    if submitter is None or approver is None:
        gone = file.submitted_by if submitter is None else person.name
        msg = f"{gone} is not on record as a person: nobody can say that {person.name} is a second one"
        return NotPermitted("second_person_unsure", msg, "Look at the chain: adt-gateway audit verify")
    if approver.disabled_at is not None:  # since they asked: this is where the row is written
        msg = f"{person.name} has no access any more"
        return NotPermitted("person_disabled", msg, "Ask another person with the role approver.")
    if not Person(approver.name, frozenset(approver.roles)).may(Action.APPROVE_FILE):
        msg = f"{person.name} has no role any more that approves files"
        return NotPermitted("role_missing", msg, "Ask another person with the role approver.")
    if submitter.issuer != approver.issuer:
        msg = (
            f"{file.submitted_by} and {person.name} are not of the same directory, one is a local account: "
            "nobody can say that they are two people"
        )
        return NotPermitted("second_person_unsure", msg, "Ask an approver of the submitter's directory.")
    if lacks:
        msg = "a file is approved with a passkey here, and none was used"
        return NotPermitted("passkey_required", msg, f"Approve it at the console: /files/{file.id}/passkey")
    return None


async def strangers_to(database: Database, person: Person, files: Iterable[StoredFile]) -> frozenset[str]:
    """Return who submitted one of *files* and is not of the directory of *person*."""
    submitters = frozenset(file.submitted_by for file in files)
    async with database.read() as connection:
        found = await connection.execute(of_another_directory(person.name))
        return submitters & {row.name for row in found}


async def use(connection: AsyncConnection, proof: Proof, file: StoredFile, now: float) -> dict[str, Any]:
    """Note the use of the passkey; return what is kept with the approval.

    Raises `NotPermitted` where it was removed, or used, since the assertion was verified.
    """
    unchanged = proof.sha256 == file.sha256
    if not (unchanged and await note_passkey_use(connection, proof.passkey, proof.sign_count, now)):
        msg = f"passkey {proof.passkey.id} was removed or used meanwhile"
        raise NotPermitted("passkey_wrong", msg, "Open the page again.")
    digest = proof.detail["evidence_sha256"]
    return {"approval_evidence": proof.evidence, "approval_evidence_sha256": digest}
