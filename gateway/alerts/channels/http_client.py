"""One POST for all channels that speak HTTP: bounded in time and size, following nothing."""

import os
import re
import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from gateway.alerts.channels.tls import Trust
from gateway.channel_settings import HttpChannelSettings
from gateway.errors import Unavailable

LONGEST_ANSWER: Final = 65_536
LONGEST_HEADER: Final = 8190
LONGEST_REST: Final = 300.0
"""Seconds for which a receiver is left alone at the most, whatever its Retry-After says."""
IDLE_SECONDS: Final = 1.0
"""A connection is used again within this: receivers close idle ones, and a POST must not meet that."""
DEEPEST: Final = 8
"""Causes behind an error that are looked at."""
QUOTED: Final = 160
"""Characters of an answer that are shown."""

BUSY: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""Answers whose Retry-After counts (RFC 9110, 10.2.3; RFC 6585, 4)."""

AGAIN: Final = "It is sent again by itself."


class Answer(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes

    @property
    def words(self) -> str:
        """What it says, for people: one short line of printable characters."""
        return quoted(self.body[: QUOTED * 4].decode(errors="replace"))

    @property
    def named(self) -> str:
        """The status with its name, such as `404 Not Found`, and what the body says."""
        known = {int(each): each.phrase for each in HTTPStatus}
        status = f"{self.status} {known.get(self.status, '')}".strip()
        return f"{status}: {self.words}" if self.words else status


def quoted(text: str) -> str:
    """Return hostile *text* as one short line."""
    line = re.sub(r"\s+", " ", "".join(each if each.isprintable() else " " for each in text)).strip()
    return line if len(line) <= QUOTED else f"{line[:QUOTED]}…"


def place(url: str) -> str:
    """Return scheme, host and port of an address: its path and query may hold a key."""
    found = re.match(r"https?://[^/?#]+", url)
    return found[0] if found else "a place of its own"


class HttpClient:
    """Sends to the other side of one channel."""

    def __init__(self, settings: HttpChannelSettings, steady: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._trust = Trust(settings)
        self._steady = steady
        self._rest_until = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return the answer with a status below 500 that is no redirection and no "later"; else `Unavailable`."""
        left = self._rest_until - self._steady()
        if left > 0:
            msg = f"the other side asked to be left alone for another {left:.0f} s"
            raise Unavailable("receiver_busy", msg, AGAIN)
        tls = await self._trust.context() if url.startswith("https:") else True
        try:
            async with self._opened().post(
                url,
                data=body,
                headers=headers,
                ssl=tls,
                allow_redirects=False,
                proxy=self._settings.proxy or None,
            ) as response:
                answer = Answer(response.status, await _bounded(response))
                return self._judged(answer, response.headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._trouble(error, place(url)) from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=4, keepalive_timeout=IDLE_SECONDS),
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "adt-gateway", "Accept-Encoding": "identity"},
                auto_decompress=False,
                max_line_size=LONGEST_HEADER,
                max_field_size=LONGEST_HEADER,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _judged(self, answer: Answer, headers: Mapping[str, str]) -> Answer:
        if answer.status in BUSY:
            seconds = min(retry_after(headers.get("Retry-After", ""), time.time()), LONGEST_REST)
            self._rest_until = self._steady() + seconds
            when = f"; it asks to be left alone for {seconds:.0f} s" if seconds else ""
            raise Unavailable("receiver_busy", f"the other side is busy, {answer.named}{when}", AGAIN)
        if 300 <= answer.status < 400:  # noqa: PLR2004 - redirections
            where = place(quoted(headers.get("Location", "")))
            msg = f"the other side answers {answer.status} and points to {where}, which is not followed"
            raise Unavailable("receiver_moved", msg, "Set url to the address that takes alerts itself.")
        if answer.status >= 500 or answer.status in {408, 425}:  # noqa: PLR2004 - not the sender's fault
            msg = f"the other side is in trouble, {answer.named}"
            raise Unavailable("receiver_trouble", msg, f"Look at its own log. {AGAIN}")
        return answer

    def _trouble(self, error: Exception, where: str) -> Unavailable:
        """Return in words that say what to do why there is no answer."""
        if tls := _tls_fault(error):
            return _certificate(where, tls)
        match error:
            case TimeoutError():
                seconds = f"{self._settings.timeout_seconds:g} s"
                msg = f"{where} did not answer in full within {seconds}"
                return Unavailable("receiver_silent", msg, f"See whether it hangs. {AGAIN}")
            case aiohttp.ClientConnectorDNSError():
                msg = f"the name in {where} is not known"
                return Unavailable("receiver_unreachable", msg, "Correct url, or the name service.")
            case aiohttp.ClientHttpProxyError():
                msg = f"the proxy refused: {error.status}"
                return Unavailable("receiver_proxy", msg, "Correct proxy, or let it pass this address.")
            case aiohttp.ClientConnectorError(os_error=ConnectionResetError()):
                msg = f"{where} ended the connection before TLS was agreed"
                return Unavailable("receiver_certificate", msg, "It has to offer TLS 1.2 or 1.3.")
            case aiohttp.ClientConnectorError():
                number = error.os_error.errno
                why = os.strerror(number) if number else type(error.os_error).__name__
                msg = f"{where} cannot be reached: {why}"
                return Unavailable("receiver_unreachable", msg, "Start it, or let the firewall pass it.")
            case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
                msg = f"{where} closed the connection before its answer was whole"
                remedy = "Look at its own log; it may ask for a client certificate."
                return Unavailable("receiver_closed", msg, f"{remedy} {AGAIN}")
            case aiohttp.ClientResponseError():
                msg = f"{where} answers something that is not HTTP, or headers that are too long"
                return Unavailable("receiver_garbled", msg, "See whether url is the right address.")
        msg = f"sending to {where} failed: {type(error).__name__}"
        return Unavailable("receiver_trouble", msg, AGAIN)


def _tls_fault(error: BaseException | None) -> ssl.SSLError | None:
    """Return the fault of TLS behind *error*: what a server of TLS 1.3 dislikes comes with its first answer."""
    seen = 0
    while error is not None and seen < DEEPEST:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            error = error.certificate_error
        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ssl.SSLError):
            return error.os_error
        if isinstance(error, ssl.SSLError):
            return error
        error, seen = error.__cause__ or error.__context__, seen + 1
    return None


def _certificate(where: str, fault: ssl.SSLError) -> Unavailable:
    why = getattr(fault, "verify_message", "") or fault.reason or type(fault).__name__
    what = "its certificate is not trusted" if isinstance(fault, ssl.CertificateError) else "TLS fails"
    msg = f"nothing was sent to {where}: {what} ({quoted(str(why))})"
    remedy = (
        "Compare its certificate with ca_file and the name in url; a client certificate may be asked for."
    )
    return Unavailable("receiver_certificate", msg, remedy)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in response.content.iter_chunked(LONGEST_ANSWER):
        body += part
        if len(body) > LONGEST_ANSWER:
            msg = f"the answer has more than {LONGEST_ANSWER} bytes (status {response.status})"
            raise Unavailable("receiver_garbled", msg, "See whether url is the right address.")
    return bytes(body)


def retry_after(text: str, now: float) -> float:
    """Return the seconds that a `Retry-After` asks for: seconds or a date (RFC 9110, 10.2.3); 0 for none."""
    if re.fullmatch(r"\d{1,9}", text.strip()):
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - now, 0.0)
    except (ValueError, TypeError, OverflowError):
        return 0.0
