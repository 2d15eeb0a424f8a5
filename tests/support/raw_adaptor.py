"""A port in the adaptor's place that speaks no HTTP: it accepts and answers what it was told to, or is a black hole."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def raw_adaptor(answer: bytes = b"") -> Iterator[str]:
    """Listen; give each connection *answer* as soon as it says something. Without one, nothing is ever read."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve() -> None:
            while True:
                try:
                    connection = stack.enter_context(listener.accept()[0])
                except OSError:
                    return  # closed
                if answer:
                    connection.recv(65_536)
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
