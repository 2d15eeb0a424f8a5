"""How the broker is believed and how it believes us: files that are read at the moment of use."""

import ssl

from gateway.broker_section import BrokerSection


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself where the handshake fails; the library would leave it to the garbage."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def tls_context(settings: BrokerSection) -> ssl.SSLContext | None:
    """Return what TLS 1.2 or later is spoken with, None where it is off; raises `OSError` for a file that is of no use."""
    if settings.ca_file is None:
        return None
    for file in (settings.ca_file, settings.certificate_file, settings.key_file):
        if file:
            file.open("rb").close()  # OpenSSL would not say which one it is
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.sslsocket_class = _ClosingSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate_file:
        # An empty password, or a key that has one would be asked for on the terminal.
        context.load_cert_chain(settings.certificate_file, settings.key_file, password="")
    return context


def password(settings: BrokerSection) -> str | None:
    """Return the password of our user at the broker; raises `OSError` where its file cannot be read."""
    return settings.password_file.read_text("utf-8").rstrip("\n") if settings.password_file else None
