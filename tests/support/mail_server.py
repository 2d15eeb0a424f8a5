"""An SMTP server with real TLS, of aiosmtpd, that keeps what it takes and can refuse."""

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from functools import partial
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER: Final = "gateway"
PASSWORD: Final = "a secret"


class MailServer:
    """Takes mail; `replies` are given instead of taking, by command or by recipient."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.replies: dict[str, str] = {}
        self.sign_ins = 0
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - the library's names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.replies:
            return self.replies[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.replies.get("MAIL", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del session
        if "DATA" in self.replies:
            return self.replies["DATA"]
        assert server.transport is not None
        assert server.transport.get_extra_info("ssl_object"), "mail in plain text"
        content = envelope.original_content
        assert content is not None
        self.raw.append(content)
        parsed = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.recipients.append(list(envelope.rcpt_tos))
        return f"250 queued as {len(self.mails)}"

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        del server, session, envelope, mechanism
        self.sign_ins += 1
        right = data == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    @asynccontextmanager
    async def running(
        self, tls: ssl.SSLContext, security: str = "starttls", *, sign_in: bool = False, port: int = 0
    ) -> AsyncIterator["MailServer"]:
        """Listen on loopback, on a free port unless one is given."""
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {"tls_context": tls, "require_starttls": True}
        if security == "tls":
            options = {}
        if sign_in:
            options |= {"authenticator": self._authenticate, "auth_required": True}
        make = partial(SMTP, self, hostname="mail.test", loop=loop, **options)
        server = await loop.create_server(make, "127.0.0.1", port, ssl=tls if security == "tls" else None)
        try:
            self.port = server.sockets[0].getsockname()[1]
            yield self
        finally:
            server.close()
            await server.wait_closed()
