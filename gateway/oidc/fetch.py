"""Questions to the provider: bounded in size and time, following nothing, telling nobody what it said."""

import json
import ssl
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from gateway.errors import SettingsError, Unavailable
from gateway.identity import Oidc

LONGEST_ANSWER: Final = 262_144


class ProviderRefused(Exception):
    """The provider answered that it will not; *code* is its own word (RFC 6749, 5.2)."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"the provider answered {status} {code}")
        self.code = code


class Fetch:
    """Asks the provider for JSON."""

    def __init__(self, settings: Oidc) -> None:
        self._trust = _trust(settings)
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str) -> dict[str, Any]:
        """Return the JSON object at *url*; raise `Unavailable` where there is none."""
        try:
            return await self._ask("GET", url, {}, {})
        except ProviderRefused as error:
            raise unavailable(str(error)) from error

    async def post(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON object that answers a form; raise `ProviderRefused`, or `Unavailable`."""
        return await self._ask("POST", url, fields, headers)

    async def _ask(
        self, method: str, url: str, fields: Mapping[str, str], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        session = self._opened()
        sent = {"Accept": "application/json", **headers}
        try:
            async with session.request(
                method, url, data=fields or None, headers=sent, allow_redirects=False
            ) as answer:
                body = await _bounded(answer)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = f"it cannot be reached: {type(error).__name__}"
            raise unavailable(why) from error
        return _judged(status, body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._trust, limit=16),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in answer.content.iter_chunked(65_536):
        body += part
        if len(body) > LONGEST_ANSWER:
            why = f"its answer has more than {LONGEST_ANSWER} bytes"
            raise unavailable(why)
    return bytes(body)


def _judged(status: int, body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    content = found if isinstance(found, dict) else {}
    if 400 <= status < 500:  # noqa: PLR2004 - the class of answers that blame the asker
        raise ProviderRefused(status, plain_word(content.get("error")))
    if status != 200 or not content:  # noqa: PLR2004
        why = f"it answered {status} and no JSON object"
        raise unavailable(why)
    return content


def plain_word(text: Any) -> str:
    """Return an error's code as the provider gave it, where it is one plain word."""
    plain = isinstance(text, str) and 0 < len(text) <= 40 and text.replace("_", "").isalnum()  # noqa: PLR2004
    return text if plain and text.isascii() else "unknown"


def unavailable(why: str) -> Unavailable:
    """Return what people are told where the provider did not do its part."""
    msg = f"the sign-in of your organisation does not work: {why}"
    return Unavailable("provider_unavailable", msg, "Try again later, or tell the operator.")


def _trust(settings: Oidc) -> ssl.SSLContext | bool:
    if settings.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        msg = f"oidc.ca_file: {settings.ca_file} cannot be used: {type(error).__name__}"
        raise SettingsError("settings_invalid", msg, "Name a PEM file with certificates.") from None
