"""Alerts as mail over SMTP, with TLS always: one for each incident and change, in one thread for each incident."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import aiosmtplib
import structlog
from aiosmtplib import SMTPResponse

from gateway.alerts.channels.http_client import quoted
from gateway.alerts.channels.mail_text import mail
from gateway.alerts.channels.tls import Trust, read_secret
from gateway.alerts.message import Alert, decode
from gateway.channel_settings import MailSettings
from gateway.errors import AlertRefused, Unavailable

log = structlog.get_logger(__name__)

PASSWORD_REST: Final = 900.0
"""Seconds for which a password that was refused is not tried again: servers lock accounts."""
REMEMBERED: Final = 1000
"""Alerts of which it is remembered who has taken them while others have not."""
AGAIN: Final = "It is sent again by itself."
FOR_GOOD: Final = 500
"""Replies from here on are permanent (RFC 5321, 4.2.1)."""
TOO_LARGE: Final = 552
"""The mail is longer than the server takes (RFC 1870, 6.1), said before it comes or after."""


class MailChannel:
    """Sends one mail for each alert."""

    batch: Final = 1
    in_flight: Final = 2

    def __init__(
        self, settings: MailSettings, console_url: str, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._console = console_url
        self._steady = steady
        self._trust = Trust(settings)
        self._refused_password: tuple[bytes, float] | None = None
        self._taken: dict[str, dict[str, str]] = {}

    async def send(self, messages: Sequence[bytes]) -> str:
        """Send; raises `AlertRefused` at a permanent reply (5xx) to the mail itself, not to who sends it to whom."""
        said = ""
        for message in messages:
            said = await self._send(decode(message))
        return said

    async def close(self) -> None:
        """Nothing is held open."""

    async def _send(self, alert: Alert) -> str:
        settings = self._settings
        where = f"{settings.host}:{settings.port}"
        try:
            async with asyncio.timeout(settings.timeout_seconds):
                replies = await self._deliver(alert)
        except aiosmtplib.SMTPRecipientsRefused as error:
            replies = {each.recipient: SMTPResponse(each.code, each.message) for each in error.recipients}
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(where, error) from error
        except (TimeoutError, aiosmtplib.SMTPException, OSError) as error:
            raise _unreachable(where, error, settings.timeout_seconds) from error
        return self._judged(alert, replies)

    async def _deliver(self, alert: Alert) -> dict[str, SMTPResponse]:
        """Return the replies about those who were refused; the others have taken it."""
        settings = self._settings
        password = await self._password()
        implicit = settings.security == "tls"
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout_seconds,
            use_tls=implicit,
            start_tls=not implicit,
            tls_context=await self._trust.context(),
            local_hostname=settings.sender.rpartition("@")[2],
        )
        async with client:
            if password:
                await self._sign_in(client, password)
            left = [each for each in settings.recipients if each not in self._taken.get(alert.id, {})]
            message = mail(alert, settings.sender, settings.recipients, self._console)
            refused, said = await client.sendmail(settings.sender, left, bytes(message))
        taken = {each: quoted(said) for each in left if each not in refused}
        self._taken[alert.id] = self._taken.get(alert.id, {}) | taken
        return refused

    async def _password(self) -> str:
        if self._settings.password_file is None:
            return ""
        password = await read_secret(self._settings.password_file)
        if self._refused_password is not None:
            digest, at = self._refused_password
            if digest == _digest(password) and self._steady() - at < PASSWORD_REST:
                msg = "the SMTP server refused user and password; they are not tried again until the file changes"
                remedy = (
                    f"Correct username or password_file; tried again after {PASSWORD_REST / 60:.0f} minutes."
                )
                raise Unavailable("mail_sign_in", msg, remedy)
        return password

    async def _sign_in(self, client: aiosmtplib.SMTP, password: str) -> None:
        try:
            await client.login(self._settings.username, password)
        except aiosmtplib.SMTPAuthenticationError as error:
            if error.code >= FOR_GOOD:
                self._refused_password = _digest(password), self._steady()
            msg = f"the SMTP server refuses user and password, {error.code} {quoted(error.message)}"
            raise Unavailable("mail_sign_in", msg, "Correct username or password_file.") from error
        self._refused_password = None

    def _judged(self, alert: Alert, refused: Mapping[str, SMTPResponse]) -> str:
        """Return who has taken it, and who never will; raise where somebody may take it later, or all refuse."""
        taken = self._taken.get(alert.id, {})
        words = "; ".join(f"{who}: {reply.code} {quoted(reply.message)}" for who, reply in refused.items())
        if any(reply.code < FOR_GOOD for reply in refused.values()):
            self._taken = dict(list(self._taken.items())[-REMEMBERED:])
            raise Unavailable("mail_later", f"not for everybody now: {words}", AGAIN)
        self._taken.pop(alert.id, None)
        if not taken:
            # It would be said of any mail: of a relay that is closed to us, or of addresses that are wrong.
            msg = f"refused for everybody: {words}"
            raise Unavailable(
                "mail_refused", msg, f"Correct recipients, sender or the right to send. {AGAIN}"
            )
        said = f"the SMTP server took it for {len(taken)}: {next(iter(taken.values()))}"
        if refused:
            log.warning("mail_refused_for_some", channel=self.name, alert=alert.id, refused=words)
            said += f"; refused for good for {words}"
        return said


def _digest(password: str) -> bytes:
    """Return what tells passwords apart without keeping them."""
    return hashlib.sha256(password.encode()).digest()


def _refused(where: str, error: aiosmtplib.SMTPResponseException) -> AlertRefused | Unavailable:
    words = f"{where} answers {error.code} {quoted(error.message)}"
    if error.code < 0:
        msg = f"{where} answers something that is not SMTP: {quoted(error.message)}"
        return Unavailable("mail_unreachable", msg, f"Correct host and port. {AGAIN}")
    if error.code == TOO_LARGE or (error.code >= FOR_GOOD and isinstance(error, aiosmtplib.SMTPDataError)):
        return AlertRefused(
            "mail_refused", words, "See in its own log why it refuses it; then send it again by hand."
        )
    if error.code >= FOR_GOOD:  # before it has seen the mail: it would say so to any
        return Unavailable("mail_refused", words, f"Correct sender, user or the right to send. {AGAIN}")
    return Unavailable("mail_later", words, AGAIN)


def _unreachable(where: str, error: Exception, seconds: float) -> Unavailable:
    if "not supported" in str(error):
        msg = f"{where} does not offer what is needed ({quoted(str(error))}); nothing was sent"
        remedy = (
            "Turn STARTTLS and sign-in on there, or correct port and security: mail never goes without TLS."
        )
        return Unavailable("mail_unprotected", msg, remedy)
    cause = error.__cause__ or error
    why = getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or type(cause).__name__
    if getattr(cause, "verify_message", ""):
        msg = f"nothing was sent to {where}: its certificate is not trusted ({quoted(str(why))})"
        return Unavailable(
            "mail_certificate", msg, "Compare its certificate with ca_file and the name in host."
        )
    if isinstance(error, TimeoutError):
        return Unavailable("mail_silent", f"{where} did not answer in full within {seconds:g} s", AGAIN)
    msg = f"{where} cannot be used: {quoted(str(why))}"
    return Unavailable(
        "mail_unreachable", msg, f"See whether it runs, and whether port and security fit. {AGAIN}"
    )
