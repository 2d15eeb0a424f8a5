"""The way to the DCC adaptor: which address a request is for, and which headers go along."""

import re
import ssl
from collections.abc import AsyncIterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final
from urllib.parse import unquote_to_bytes

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gateway.errors import InvalidInput, SettingsError
from gateway.ingest.errors import shown
from gateway.ingest.passed_on import PassedOn
from gateway.operations.access_tokens import TOKEN_PREFIX
from gateway.section import Forward

PREFIX: Final = "/duis/"

TOKEN_HEADER: Final = "X-ADT-Gateway-Token"  # noqa: S105 - the name of a header
"""Our own access token, where Authorization is the adaptor's."""

KEEP_ALIVE_SECONDS: Final = 2.0
"""How long an idle connection is used again: less than any usual server keeps it, so that no request goes out
on a connection that is just being closed."""

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110, 7.6.1, and those of RFC 2616, 13.5.1, that older software sends."""
_OURS: Final = frozenset({"host", "expect", TOKEN_HEADER.lower()})
"""Meant for us: the adaptor has another address, and we have said 100 (Continue) already."""
_TARGET: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*(?:\?[\x21\x24-\x7e]+)?")
"""RFC 3986: path and query, not an empty one, without a fragment."""
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_SEGMENT: Final = re.compile(rb"[\x00-\x1f\x7f/\\%]")


class Adaptor:
    """Opens requests to the adaptor; adds nothing to them, follows nothing and keeps no cookies."""

    def __init__(self, settings: Forward, passed_on: PassedOn) -> None:
        self.passed_on = passed_on
        self.authenticate = settings.authenticate
        self._base = settings.url
        # No limit to connections: a request never waits for the answer to another.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=_trust(settings))
        self.seconds = seconds = settings.timeout_seconds
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    def post(
        self, target: str, headers: CIMultiDict[str], body: AsyncIterable[bytes] | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Open a request to *target*, path and query as they were sent, below the adaptor's address."""
        url = URL(f"{self._base}/{target}", encoded=True)
        return self._session.post(url, headers=headers, data=body, allow_redirects=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _trust(settings: Forward) -> ssl.SSLContext | bool:
    if settings.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        msg = f"forward.ca_file: {settings.ca_file} cannot be used: {error}"
        raise SettingsError("settings_invalid", msg, "Name a PEM file with certificates.") from error


def adaptor_target(raw: str) -> str:
    """Return what follows `/duis/` in the request target *raw*, as it was sent.

    Raises `InvalidInput` (`path_refused`) for a target that the adaptor might read as another place: an
    absolute one, and segments that are `.` or `..` or hold a slash, a backslash, a percent sign or a control
    character, whether written so or percent-encoded.
    """
    target = raw.removeprefix(PREFIX)
    if not raw.startswith(PREFIX) or not _TARGET.fullmatch(target):
        raise _refused(raw)
    path = target.partition("?")[0]
    if _ESCAPE.search(target):
        raise _refused(raw)
    segments = [unquote_to_bytes(segment) for segment in path.split("/")]
    if any(not segment for segment in segments[:-1]) or any(map(_misleads, segments)):
        raise _refused(raw)
    return target


def _misleads(segment: bytes) -> bool:
    return segment.partition(b";")[0] in {b".", b".."} or bool(_NOT_IN_SEGMENT.search(segment))


def _refused(raw: str) -> InvalidInput:
    return InvalidInput(
        "path_refused",
        f"the address {shown(raw)} is not passed on: the adaptor might read it as another place",
        "Send the adaptor's own path after /duis/, without empty segments, dot segments and odd characters.",
    )


def is_our_token(authorization: str) -> bool:
    """Tell whether the value of an Authorization header holds an access token of the gateway."""
    return TOKEN_PREFIX in authorization


def end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers that are meant for the other end, in order, and no access token of ours."""
    found = headers.items()
    named = {
        name.strip().lower()
        for key, value in found
        if key.lower() == "connection"
        for name in value.split(",")
    }
    dropped = _HOP_BY_HOP | _OURS | named
    return CIMultiDict(
        (key, value)
        for key, value in found
        if key.lower() not in dropped and not (key.lower() == "authorization" and is_our_token(value))
    )
