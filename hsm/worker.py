"""The process of one token: reads requests from a socket, answers them in order, in one thread.

Started by `hsm.process` as `python -m hsm.worker DESCRIPTOR`. It ends when the socket does.
"""

import ctypes
import os
import signal
import socket
import sys
from typing import Any, BinaryIO, Final

import pkcs11
from pkcs11._pkcs11 import lib

from hsm.config import TokenConfig
from hsm.connection import load_module, unload_module
from hsm.describe import describe
from hsm.errors import HsmError
from hsm.messages import (
    DONE,
    FAILED,
    LENGTH_OCTETS,
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
    frame,
)
from hsm.model import SignedArtefact, TokenDescription
from hsm.requests import certificate_request, import_certificates
from hsm.session import OpenToken
from hsm.signing import sign
from hsm.slots import make_key_pair, make_token
from hsm.translate import SESSION_LOST, translate

_PR_SET_DUMPABLE: Final = 4

_ORPHAN_SECONDS: Final = 300
"""A request may take its time-out and this before the process ends itself, even inside the module.

The parent kills a module that hangs long before. Without a parent the process reads the end of its socket and
goes in order; it must not be killed at once, for SoftHSM writes a token's files at every login, and one that is
half written is lost.
"""

_DOING: Final[dict[type[Any], str]] = {
    Sign: "signing",
    Describe: "describing",
    RequestCertificate: "making a certificate request",
    ImportCertificates: "importing certificates",
    Ping: "asking for the key",
    Initialise: "initialising",
}


class Worker:
    """Keeps the token open between requests and opens it anew after an error of the module."""

    def __init__(self, config: TokenConfig) -> None:
        self._config = config
        self._library: lib | None = None
        self._opened: OpenToken | None = None
        self.seconds = config.timeout_seconds

    def answer(self, request: Request) -> bytes:
        """Do what *request* asks and return the answer's body."""
        try:
            return DONE + encode(self._perform(request))
        except HsmError as error:
            if self._opened is None:
                self.close()  # a failed login leaves its session open
            else:
                self._opened.forget_objects()  # what was missing may be put there by another process
            return FAILED + encode(Failure(error.code, error.message, error.remedy))

    def close(self) -> None:
        """Log out and let go of the module."""
        self._opened = None
        if self._library is not None:
            unload_module(self._library)
            self._library = None

    def _perform(self, request: Request) -> Any:
        """Try once more, with the token opened anew, if the session was lost before anything was changed."""
        try:
            try:
                return self._dispatch(request)
            except SESSION_LOST:
                self.close()
                if isinstance(request, ImportCertificates | Initialise):
                    raise
                return self._dispatch(request)
        except pkcs11.PKCS11Error as error:
            self.close()
            raise translate(error, _DOING[type(request)], self._config) from error

    def _dispatch(self, request: Request) -> SignedArtefact | TokenDescription | str | None:
        if isinstance(request, Initialise):
            return self._initialise(request)
        opened = self._open()
        match request:
            case Sign(data=data, container=container):
                return sign(opened, data, container)
            case RequestCertificate(common_name=name, organisation=organisation, eui64=eui64):
                return certificate_request(opened, name, organisation, eui64)
            case ImportCertificates(pem=pem):
                import_certificates(opened, pem)
                return describe(opened)
            case Describe():
                opened.forget_objects()
                return describe(opened)
            case Ping():
                opened.key().handle[pkcs11.Attribute.LABEL]
                return None

    def _open(self) -> OpenToken:
        if self._opened is None:
            self._library = load_module(self._config)
            self._opened = OpenToken(self._library, self._config)
        return self._opened

    def _initialise(self, request: Initialise) -> TokenDescription:
        self.close()
        self._library = load_module(self._config)
        self._library = make_token(self._library, self._config, request.so_pin_file)
        opened = self._open()
        make_key_pair(opened, request.key_type)
        return describe(opened)


def serve(stream: BinaryIO, connection: socket.socket) -> None:
    """Answer the frames of *stream* on *connection* until it ends."""
    config = _read_frame(stream)
    if config is None:
        return
    worker = Worker(decode(config, TokenConfig))
    connection.sendall(frame(DONE + encode(None)))
    while (body := _read_frame(stream)) is not None:
        signal.alarm(int(worker.seconds) + _ORPHAN_SECONDS)
        connection.sendall(frame(worker.answer(decode(body, Request))))  # type: ignore[arg-type]  # a union
        signal.alarm(0)
    worker.close()


def _read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next body, or None where the other side has ended the stream."""
    length = stream.read(LENGTH_OCTETS)
    if len(length) < LENGTH_OCTETS:
        return None
    size = int.from_bytes(length, "big")
    body = stream.read(size)
    return body if len(body) == size else None


def _harden() -> None:
    """Leave stopping to the parent, and write no core dump that could hold the PIN."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.umask(0o077)
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux alone has it
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main() -> None:
    """Serve the socket whose descriptor is the one argument."""
    _harden()
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)  # a process that the module starts must not hold the socket open
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rb") as stream:
        try:
            serve(stream, connection)
        except (BrokenPipeError, ConnectionResetError):
            return  # the parent is gone


if __name__ == "__main__":
    main()
