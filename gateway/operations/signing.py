"""The one way to the token: a file that a second person approved, with a record before and after."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import TokenFails
from gateway.audit.record import Content, Entry
from gateway.clock import Clock, to_text
from gateway.errors import Conflict, GatewayError, TokenUnavailable
from gateway.health import Health
from gateway.live import Live
from gateway.metrics import CERTIFICATE_EXPIRY, LAST_SIGNATURE, SIGNATURES, SIGNING_FAILURES
from gateway.operations.profiles import container_of
from gateway.operations.receipt import make_receipt
from gateway.operations.rules import Rulebook
from gateway.settings import TokenSettings
from gateway.store.adt_files import FileState, StoredFile, get_file, get_part, list_files, move_file
from gateway.store.audit_log import append_record
from gateway.store.audit_search import newest_of
from gateway.store.database import Database
from hsm.config import TokenConfig
from hsm.errors import CannotVerify, SignatureInvalid, TokenError
from hsm.model import Container, SignedArtefact
from hsm.token import Token
from hsm.verdict import require_valid
from hsm.verify import verify

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 30.0
"""How often the token is probed, and files that are approved but not signed are tried again."""

DESCRIBE_SECONDS: Final = 3600.0
"""How often it is looked when the certificate expires."""

LOOKED_BACK: Final = 100_000
"""Records of a file among which its last failure is: refused approvals may follow it, as many as people ask for."""

FAILURES_READ: Final = 8
"""Of the failures that are found: one that somebody changed so that it says nothing does not hide the one before."""

LONGEST_PAUSE: Final = 1800.0
"""The pause doubles up to this after each failure to sign: every attempt leaves audit records."""


def token_config(settings: TokenSettings, data_directory: Path) -> TokenConfig:
    """Return where the token is found, for the token's process."""
    environment = (("SOFTHSM2_CONF", str(settings.softhsm_config)),) if settings.softhsm_config else ()
    return TokenConfig(
        module=str(settings.module),
        token_label=settings.label,
        key_label=settings.key_label,
        pin_file=settings.pin_file,
        refusal_file=data_directory / "pin-refused.json",
        trust_file=settings.trust_file,
        timeout_seconds=settings.timeout_seconds,
        token_serials=settings.serials,
        environment=environment,
    )


class SigningError(msgspec.Struct, frozen=True):
    """Why an approved file was not signed when it was last tried."""

    code: str
    message: str
    at: str
    """RFC 3339, UTC."""


async def last_signing_error(connection: AsyncConnection, file: StoredFile) -> SigningError | None:
    """Return why *file*, which waits for its signature, has none yet; None where it was not tried or needs none."""
    if file.state is not FileState.APPROVED:
        return None
    action, after = file.kind.action("signing_failed"), file.approval_record or 0
    found = await newest_of(connection, file.subject, action, after, LOOKED_BACK, FAILURES_READ)
    for record in found:
        # Whoever changed a record is named by the verification of the chain, not here.
        with contextlib.suppress(msgspec.DecodeError):
            content = msgspec.json.decode(record.body, type=Content)
            return msgspec.convert(content.detail, SigningError)
    return None


class Signing:
    """Signs approved files, one at a time."""

    def __init__(
        self,
        database: Database,
        token: Token | None,
        settings: TokenSettings | None,
        rules: Rulebook,
        health: Health,
        conditions: Conditions,
        clock: Clock,
        on_signed: Callable[[], None],
        live: Live | None = None,
    ) -> None:
        self._database = database
        self._token = token
        self._trust_file = settings.trust_file if settings else None
        self._label = settings.label if settings else "none"
        self._rules = rules
        self._health = health
        self._conditions = conditions
        self._clock = clock
        self._on_signed = on_signed
        self._live = live or Live()
        self._signing = asyncio.Lock()
        self._described_at = 0.0

    async def sign(self, file_id: int) -> StoredFile:
        """Sign an approved file; one that is signed already is returned as it is.

        Raises `TokenUnavailable` with the token's own code, and `ProfileLost`: the file stays approved and can
        be signed later.
        """
        async with self._signing:
            file, content, container = await self._begin(file_id)
            if file.state is FileState.FAILED:
                self._live.file(file)
            if file.state is not FileState.APPROVED or container is None:
                return file
            try:
                artefact = await self._signature(content, Container(container))
            except TokenUnavailable as error:
                self._conditions.holds(self._trouble(file, error))
                await self._failed(file, error)
                raise
            try:
                return await self._finish(file, artefact)
            except (
                Conflict
            ) as error:  # withdrawn while the token worked: the signature is thrown away, on record
                await self._failed(file, TokenUnavailable(error.code, error.message, error.remedy))
                raise

    async def run(self) -> None:
        """Sign what was left approved by a crash or by a token that was away."""
        pause = RETRY_SECONDS
        while True:
            if await self.probe():
                pause = RETRY_SECONDS if await self._sign_waiting() else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _sign_waiting(self) -> bool:
        """Sign all approved files and have them delivered; tell whether that was done."""
        async with self._database.read() as connection:
            waiting = await list_files(connection, FileState.APPROVED)
        for file in reversed(waiting):
            try:
                await self.sign(file.id)
                self._on_signed()
            except GatewayError as error:
                log.warning("file_not_signed", file=file.id, code=error.code, error=error.message)
                return False
        return True

    async def probe(self) -> bool:
        """Ask the token for a sign of life, report it and return it."""
        if self._token is None:
            self._health.report("token", works=False, detail="no token is set", needed=False)
            return False
        try:
            await self._token.ping()
        except TokenError as error:
            self._health.report("token", works=False, detail=f"{error.code}: {error.message}", needed=False)
            return False
        self._health.report("token", works=True, needed=False)
        # After the report: what a signature meanwhile found out about the token is not to be overwritten.
        await self._look_at_certificate(self._token)
        return True

    async def _look_at_certificate(self, token: Token) -> None:
        """Show now and then when the certificate expires: to describe a token takes longer than to ask for its key."""
        now = self._clock()
        if now - self._described_at < DESCRIBE_SECONDS:
            return
        try:
            certificate = (await token.describe()).certificate
        except TokenError as error:
            log.warning("certificate_not_read", code=error.code, error=str(error))
            return
        CERTIFICATE_EXPIRY.set(certificate.not_after.timestamp() if certificate else 0)
        self._described_at = now

    async def _begin(self, file_id: int) -> tuple[StoredFile, bytes, str | None]:
        """Record that the token is about to be used; return the bytes that were approved and their container."""
        now, container = self._clock(), None
        async with self._database.write() as connection:
            file = await get_file(connection, file_id)
            content = await get_part(connection, file_id, "content") or b""
            if file.state in {FileState.SUBMITTED, FileState.REJECTED, FileState.WITHDRAWN, FileState.FAILED}:
                msg = f"{file.called} is {file.state}: only an approved file is signed"
                raise Conflict("adt_file_state", msg, f"Look at it: {file.look}")
            if file.state is FileState.APPROVED:
                if hashlib.sha256(content).hexdigest() != file.sha256:
                    reason = "the stored bytes are not those that were approved"
                    await append_record(
                        connection,
                        Entry("system", file.kind.action("failed"), file.subject, {"reason": reason}),
                        now,
                    )
                    failed = await move_file(connection, file, FileState.FAILED, reason=reason)
                    return failed, content, None
                container = await container_of(connection, self._rules, file)
                detail = {"sha256": file.sha256, "approval_record": file.approval_record}
                entry = Entry("system", file.kind.action("signing"), file.subject, detail)
                await append_record(connection, entry, now)
        return file, content, container

    async def _signature(self, content: bytes, container: Container) -> SignedArtefact:
        """Ask the token, and believe only what verifies."""
        if self._token is None or self._trust_file is None:
            raise TokenUnavailable(
                "token_not_set", "no token is set", "Fill in the section [token] of the settings."
            )
        try:
            await self._token.reopen()  # the PIN file and the certificates count as they are now
            artefact = await self._token.sign(content, container)
            trust = await asyncio.to_thread(self._trust_file.read_bytes)
            verdict = await asyncio.to_thread(
                verify,
                content,
                artefact.signature,
                trust,
                container=container,
                certificate_pem=artefact.chain_pem.encode(),
            )
            require_valid(verdict)
        except TokenError as error:
            raise TokenUnavailable(error.code, error.message, error.remedy) from error
        except (SignatureInvalid, CannotVerify, OSError) as error:
            msg = f"what the token returned does not verify: {error}"
            raise TokenUnavailable(
                "signature_unusable", msg, "Check the token, its certificate and the trust file."
            ) from error
        return artefact

    async def _finish(self, file: StoredFile, artefact: SignedArtefact) -> StoredFile:
        now = self._clock()
        signature_name = file.name + artefact.suffix
        detail = {
            "sha256": file.sha256,
            "signature_sha256": hashlib.sha256(artefact.signature).hexdigest(),
            "container": str(artefact.container),
            "certificate_serial": artefact.certificate.serial,
            "token_serial": artefact.token_serial,
        }
        async with self._database.write() as connection:
            record = await append_record(
                connection, Entry("system", file.kind.action("signed"), file.subject, detail), now
            )
            receipt = make_receipt(file, artefact, record)
            signed = await move_file(
                connection,
                file,
                FileState.SIGNED,
                signature=artefact.signature,
                signature_name=signature_name,
                receipt=receipt,
                signed_at=int(now),
            )
        self._live.file(signed)
        SIGNATURES.inc()
        LAST_SIGNATURE.set(now)
        CERTIFICATE_EXPIRY.set(artefact.certificate.not_after.timestamp())
        self._health.report("token", works=True, needed=False)
        self._conditions.over(TokenFails, self._label, f"the token {self._label} signs again")
        log.info("file_signed", file=file.id, name=file.name, record=record.number)
        return signed

    def _trouble(self, file: StoredFile, error: TokenUnavailable) -> News:
        detail = f"the token {self._label} does not sign approved files: {error.code}: {error.message}"
        figures: dict[str, int | str] = {"code": error.code, "last_file": file.id}
        more = {"failures": 1}
        return News(TokenFails, self._label, detail, self._clock(), figures=figures, more=more)

    async def _failed(self, file: StoredFile, error: TokenUnavailable) -> None:
        SIGNING_FAILURES.labels(error.code).inc()
        log.warning("signing_failed", file=file.id, code=error.code, error=error.message)
        self._health.report("token", works=False, detail=f"{error.code}: {error.message}", needed=False)
        detail = {"code": error.code, "message": error.message, "at": to_text(self._clock())}
        async with self._database.write() as connection:
            entry = Entry("system", file.kind.action("signing_failed"), file.subject, detail)
            await append_record(connection, entry, self._clock())
