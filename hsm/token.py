"""A PKCS#11 token, kept in a process of its own.

    async with Token(config) as token:
        artefact = await token.sign(data, Container.CMS_DETACHED)

python-pkcs11 is not safe with threads, and a vendor's module may crash or hang: here it takes nothing with it.
"""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar, cast

from hsm.config import TokenConfig
from hsm.errors import TokenError, token_error
from hsm.messages import (
    FAILED,
    MAX_DATA,
    Describe,
    Failure,
    ImportCertificates,
    Initialise,
    Ping,
    Request,
    RequestCertificate,
    Sign,
    decode,
    encode,
)
from hsm.model import Container, KeyType, SignedArtefact, TokenDescription
from hsm.path import PEM_BYTES
from hsm.process import Child

IN_FLIGHT: Final = 16
"""Requests that the process holds, so that it never waits for the parent."""

MAX_WAITING: Final = 1024
"""Callers that may wait; one more gets `token_busy`."""

_START_SECONDS: Final = 60.0
"""How long a process may take to come up; on a busy machine Python alone takes seconds."""

_INITIALISE_SECONDS: Final = 300.0
"""Smart cards take minutes to generate an RSA key pair."""

T = TypeVar("T")


class Token:
    """One token; its process is started at the first request, and again after it has died.

    Every method raises `TokenError`. Methods may be called at the same time; the token does one thing after
    the other. A caller may be cancelled at any time; what it asked for may then be done all the same.
    """

    def __init__(self, config: TokenConfig) -> None:
        self.config = config
        self._child: Child | None = None
        self._starting = asyncio.Lock()
        self._in_flight = asyncio.Semaphore(IN_FLIGHT)
        self._callers = 0
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def sign(self, data: bytes, container: Container) -> SignedArtefact:
        """Sign at most 32 MiB; key, certificate, chain and validity are checked first."""
        if len(data) > MAX_DATA:
            message = f"{len(data)} octets are more than the {MAX_DATA} that can be signed."
            raise token_error("data_too_large", message)
        return await self._ask(Sign(data, container), SignedArtefact)

    async def describe(self) -> TokenDescription:
        """Read what the token says of itself, its key and its certificate."""
        return await self._ask(Describe(), TokenDescription)

    async def csr(self, common_name: str, organisation: str | None = None, eui64: str | None = None) -> str:
        """Make a PEM certificate signing request for the key; *eui64* goes to x500UniqueIdentifier."""
        return await self._ask(RequestCertificate(common_name, organisation, eui64), str)

    async def import_certificates(self, pem: bytes) -> TokenDescription:
        """Put the certificate of the key and its intermediates on the token, once they are found trusted."""
        if len(pem) > PEM_BYTES:
            raise token_error("certificate_file", f"The certificates take more than {PEM_BYTES} octets.")
        return await self._ask(ImportCertificates(pem), TokenDescription)

    async def initialise(self, so_pin_file: Path, key_type: KeyType = KeyType.EC_P256) -> TokenDescription:
        """Make the token if there is none with this label, and its key pair; `key_exists` if there is one."""
        return await self._ask(Initialise(so_pin_file, key_type), TokenDescription, _INITIALISE_SECONDS)

    async def ping(self) -> None:
        """Ask the token for its key; returns if it is there and the user logged in."""
        await self._ask(Ping(), type(None))

    async def reopen(self) -> None:
        """Log out and end the process.

        The next request logs in with the PIN file as it is then, and finds the certificates of that time.
        """
        async with self._starting:
            if self._child is not None:
                await self._child.close(self.config.timeout_seconds)

    async def close(self) -> None:
        """Refuse new requests, let those in flight be answered, log out and end the process."""
        self._closed = True
        async with self._starting:
            if self._child is not None:
                await self._child.close(self.config.timeout_seconds)

    @property
    def process_id(self) -> int | None:
        """The number of the token's process, or None while there is none."""
        return self._child.pid if self._child is not None and self._child.usable else None

    async def _ask(self, request: Request, kind: type[T], seconds: float = 0.0) -> T:
        if self._callers >= MAX_WAITING:
            message = f"{MAX_WAITING} callers wait for the token {self.config.token_label!r}."
            raise token_error("token_busy", message)
        self._callers += 1
        try:
            async with self._in_flight:
                child = await self._ready()
                body = await child.ask(encode(request), max(seconds, self.config.timeout_seconds))
        finally:
            self._callers -= 1
        return _result(body, kind)

    async def _ready(self) -> Child:
        """Return the process, started if there is none; the one before has ended by then."""
        async with self._starting:
            if self._closed:
                message = f"The token {self.config.token_label!r} has been shut down."
                raise token_error("token_closed", message)
            if self._child is None or not self._child.usable:
                await self._start()
            return cast("Child", self._child)

    async def _start(self) -> None:
        if self._child is not None:
            await self._child.ended.wait()
        self._child = await Child.start(
            f"the token {self.config.token_label!r}", dict(self.config.environment)
        )
        _result(await self._child.ask(encode(self.config), _START_SECONDS), type(None))


def _result(body: bytes, kind: type[T]) -> T:
    if body[:1] == FAILED:
        failure = decode(body[1:], Failure)
        raise TokenError(failure.code, failure.message, failure.remedy)
    return decode(body[1:], kind)
