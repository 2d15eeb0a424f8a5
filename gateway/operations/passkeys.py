"""Passkeys of people: added, removed, and used to approve files."""

import hashlib
from typing import Any, Final

import msgspec
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gateway.access import Action, Person
from gateway.audit.approval import Assertion, AssertionWrong, Claim, Evidence, verify_evidence
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.errors import Conflict, GatewayError, InvalidInput, NotFound, NotPermitted
from gateway.identity import PasskeySettings
from gateway.operations.accounts import check_fresh
from gateway.operations.challenges import Challenges
from gateway.operations.files import Files
from gateway.operations.people import enabled
from gateway.operations.second_person import Proof
from gateway.operations.sessions import Session
from gateway.store import passkeys as store
from gateway.store.adt_files import StoredFile, get_file, get_part
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.passkeys import PasskeyRow

MOST_PASSKEYS: Final = 20
LABEL_LENGTH: Final = 80
LONGEST_ANSWER: Final = 32_768
"""Characters of what a browser sends back."""


class Asked(msgspec.Struct, frozen=True):
    """What a browser is asked: *options* for its authenticator (JSON), and the random number inside."""

    nonce: str
    options: str


class _Answered(msgspec.Struct, frozen=True):
    """What the browser's own `toJSON` makes of an assertion, as far as it matters here."""

    class Response(msgspec.Struct, frozen=True, rename="camel"):
        authenticator_data: str
        client_data_json: str = msgspec.field(name="clientDataJSON")
        signature: str

    id: str
    response: Response


class Passkeys:
    """What people do with passkeys. *files* is where approvals are made."""

    def __init__(self, settings: PasskeySettings, database: Database, files: Files, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._files = files
        self._clock = clock
        self._challenges = Challenges(clock)

    async def of_person(self, name: str) -> list[PasskeyRow]:
        """Return the passkeys of a person, the newest first."""
        async with self._database.read() as connection:
            return await store.passkeys_of(connection, name)

    async def ask_new(self, session: Session) -> Asked:
        """Return what the browser is asked to make a new passkey; the session has to be a new one too."""
        check_fresh(session, self._clock(), "a passkey is added")
        name = session.person.name
        nonce = self._challenges.give(session.number, "add")
        options = generate_registration_options(
            rp_id=self._settings.domain,
            rp_name="ADT Gateway",
            user_name=name,
            user_id=hashlib.sha256(f"adt-gateway/person/{name}".encode()).digest(),
            challenge=base64url_to_bytes(nonce),
            attestation=AttestationConveyancePreference.NONE,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_described(await self.of_person(name)),
        )
        return Asked(nonce, options_to_json(options))

    async def add(self, session: Session, nonce: str, answer: str, label: str) -> None:
        """Keep the passkey that the browser made; raise `InvalidInput` where the answer does not hold."""
        check_fresh(session, self._clock(), "a passkey is added")
        label = " ".join(label.split())
        if not label or len(label) > LABEL_LENGTH or not label.isprintable():
            msg = f"the name of a passkey has 1 to {LABEL_LENGTH} printable characters"
            raise InvalidInput("passkey_label", msg, "Say which one it is.")
        self._challenges.take(nonce, session.number, "add")
        made = self._registered(nonce, answer)
        name, now = session.person.name, self._clock()
        credential_id = bytes_to_base64url(made.credential_id)
        async with self._database.write() as connection:
            person = await enabled(connection, name)
            if len(await store.passkeys_of(connection, name)) >= MOST_PASSKEYS:
                msg = f"{name} has {MOST_PASSKEYS} passkeys already"
                raise Conflict("passkeys_too_many", msg, "Remove one that is not used.")
            if await store.credential_known(connection, credential_id):
                msg = "this passkey is known already"
                raise Conflict("passkey_known", msg, "Use another authenticator.")
            number = await store.insert_passkey(
                connection,
                person.id,
                credential_id,
                made.credential_public_key,
                made.sign_count,
                label,
                now,
            )
            detail = {
                "number": number,
                "label": label,
                "credential_id": credential_id,
                "public_key": bytes_to_base64url(made.credential_public_key),
            }
            await append_record(connection, Entry(name, "passkey.added", f"person/{name}", detail), now)

    def _registered(self, nonce: str, answer: str) -> Any:
        try:
            if len(answer) > LONGEST_ANSWER:
                raise ValueError  # noqa: TRY301 - one error for all that does not hold
            return verify_registration_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(nonce),
                expected_rp_id=self._settings.domain,
                expected_origin=self._settings.origin,
                require_user_verification=True,
            )
        except Exception as error:  # the library tells what cannot be read in many ways
            msg = f"what the browser sent is no passkey for {self._settings.origin}"
            remedy = "Open the console at that address and try again."
            raise InvalidInput("passkey_refused", msg, remedy) from error

    async def remove(self, actor: str, name: str, number: int) -> None:
        """Let a passkey of a person work no more; what it approved stays on record."""
        now = self._clock()
        async with self._database.write() as connection:
            person = await enabled(connection, name)
            if not await store.remove_passkey(connection, person.id, number, now):
                msg = f"{name} has no passkey {number}"
                raise NotFound("passkey_unknown", msg, "Look at the list again.")
            entry = Entry(actor, "passkey.removed", f"person/{name}", {"number": number})
            await append_record(connection, entry, now)

    async def ask_approval(self, session: Session, file_id: int) -> tuple[StoredFile, Asked | None]:
        """Return the file and what the browser is asked to approve it; None where the person has no passkey."""
        session.person.require(Action.APPROVE_FILE)
        if self._files.passkey == "off":
            msg = "files are approved without a passkey here"
            raise Conflict("passkey_off", msg, "Set approval.passkey to optional or required.")
        async with self._database.read() as connection:
            file = await get_file(connection, file_id)
            content = await get_part(connection, file_id, "content")
            own = await store.passkeys_of(connection, session.person.name)
        if hashlib.sha256(content or b"").hexdigest() != file.sha256:
            msg = f"the stored bytes of {file.called} are not those that were submitted"
            raise GatewayError("stored_bytes_changed", msg, "Look at the chain: adt-gateway audit verify")
        if not own:
            return file, None
        nonce = self._challenges.give(session.number, f"approve {file_id}")
        claim = Claim(file.id, file.sha256, session.person.name, nonce)
        options = generate_authentication_options(
            rp_id=self._settings.domain,
            challenge=claim.challenge(),
            allow_credentials=_described(own),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return file, Asked(nonce, options_to_json(options))

    async def approve(self, session: Session, file_id: int, nonce: str, answer: str) -> StoredFile:
        """Approve a file with the passkey that answered; raise `NotPermitted` where the answer does not hold."""
        person = session.person
        person.require(Action.APPROVE_FILE)
        self._challenges.take(nonce, session.number, f"approve {file_id}")
        try:
            proof = await self._proof(person, file_id, nonce, answer)
        except AssertionWrong as error:
            await self._files.record_refusal(person, file_id, "passkey_wrong")
            msg = f"the passkey's answer does not hold for file {file_id}: {error}"
            raise NotPermitted(
                "passkey_wrong", msg, "Open the page again, and use a passkey of yours."
            ) from error
        return await self._files.approve(person, file_id, proof)

    async def _proof(self, person: Person, file_id: int, nonce: str, answer: str) -> Proof:
        assertion = _assertion(answer)
        async with self._database.read() as connection:
            file = await get_file(connection, file_id)
            own = await store.passkeys_of(connection, person.name)
        used = [passkey for passkey in own if passkey.credential_id == assertion.credential_id]
        if not used:
            why = "it is of no passkey of yours"
            raise AssertionWrong(why)
        evidence = Evidence(
            Claim(file.id, file.sha256, person.name, nonce),
            assertion,
            bytes_to_base64url(used[0].public_key),
            self._settings.origin,
            self._settings.domain,
        )
        sign_count = verify_evidence(evidence, used[0].sign_count)
        return Proof(used[0], sign_count, evidence.encode(), file.sha256)


def _assertion(answer: str) -> Assertion:
    try:
        if len(answer) > LONGEST_ANSWER:
            raise ValueError  # noqa: TRY301 - one error for all that cannot be read
        found = msgspec.json.decode(answer, type=_Answered)
        response = found.response
        parts = (found.id, response.authenticator_data, response.client_data_json, response.signature)
        return Assertion(*(bytes_to_base64url(base64url_to_bytes(part)) for part in parts))
    except (ValueError, RecursionError) as error:
        why = "it cannot be read"
        raise AssertionWrong(why) from error


def _described(passkeys: list[PasskeyRow]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.credential_id)) for each in passkeys]
