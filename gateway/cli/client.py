"""The daemon's API, as the client verbs use it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from gateway.cli.address import Address, daemon_address
from gateway.errors import (
    Conflict,
    GatewayError,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    TokenUnavailable,
    TooLarge,
    Unavailable,
)

if TYPE_CHECKING:
    import aiohttp

TIMEOUT_SECONDS: Final = 120.0

BY_STATUS: Final[dict[int, type[GatewayError]]] = {
    401: NotAuthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: InvalidInput,
    503: Unavailable,
}

Result = TypeVar("Result")


class Refused(InvalidInput):
    """A file was refused; *faults* are as the API lists them."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["code"], problem["detail"], problem.get("remedy", ""))
        self.problem = problem


class Client:
    """One connection to the daemon."""

    def __init__(self, session: "aiohttp.ClientSession", address: Address) -> None:
        self._session = session
        self._address = address

    async def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at *path*."""
        return _decoded(await self.request("GET", path, params=query))

    async def get_bytes(self, path: str) -> bytes:
        """Return the bytes at *path*."""
        return await self.request("GET", path)

    async def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """Post JSON (or bytes as they are) and return the JSON answer."""
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return _decoded(await self.request("POST", path, data=data, params=query))

    async def request(self, method: str, path: str, **options: Any) -> bytes:
        """Send one request; raise the error that the answer stands for."""
        import aiohttp

        try:
            async with self._session.request(method, self._address.url + path, **options) as answer:
                body = await answer.read()
                if answer.ok:
                    return body
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or type(error).__name__
            msg = f"the daemon at {self._address.url} ({self._address.source}) cannot be reached: {why}"
            remedy = "Start it (adt-gateway serve), or set ADT_GATEWAY_URL."
            raise Unavailable("daemon_unreachable", msg, remedy) from error
        raise _error(answer.status, body)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        msg = "what answered is not the daemon: it sent no JSON"
        raise GatewayError("unexpected_answer", msg, "Check ADT_GATEWAY_URL.") from error


def _error(status: int, body: bytes) -> GatewayError:
    try:
        problem = json.loads(body)
        code, message, remedy = problem["code"], problem["detail"], problem.get("remedy", "")
    except (ValueError, KeyError, TypeError, RecursionError):
        return GatewayError("unexpected_answer", f"the daemon answered {status}", "Check ADT_GATEWAY_URL.")
    if "faults" in problem:
        return Refused(problem)
    if status == Unavailable.status and problem.get("part") == "token":
        return TokenUnavailable(code, message, remedy)
    return BY_STATUS.get(status, GatewayError)(code, message, remedy)


def access_token() -> str:
    """Return the access token from the environment or the file that it names."""
    variable = "ADT_GATEWAY_TOKEN_FILE"
    file = os.environ.get(variable)
    try:
        token = Path(file).read_text(encoding="ascii") if file else os.environ.get("ADT_GATEWAY_TOKEN", "")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the access token cannot be read from {file}: {error}"
        raise NotAuthenticated("access_token_missing", msg, f"Correct {variable}.") from error
    token = token.strip()
    if not token:
        remedy = "Set ADT_GATEWAY_TOKEN; an operator issues one: adt-gateway user issue-token NAME"
        raise NotAuthenticated("access_token_missing", "ADT_GATEWAY_TOKEN is not set", remedy)
    if not (token.isascii() and token.isprintable()):
        msg = "the access token has characters that no access token has"
        raise NotAuthenticated("access_token_unknown", msg, "Copy it again, as one line.")
    return token


@asynccontextmanager
async def connect(connections: int = 4) -> AsyncIterator[Client]:
    """Open the API as the person of the access token."""
    import aiohttp

    headers = {"Authorization": f"Bearer {access_token()}"}
    ctx = click.get_current_context(silent=True)
    address = daemon_address(ctx.find_object(Path) if ctx else None)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        yield Client(session, address)


def ask(question: Callable[[Client], Awaitable[Result]]) -> Result:
    """Run *question* with a client and return its answer."""

    async def run() -> Result:
        async with connect() as client:
            return await question(client)

    return asyncio.run(run())
