"""A body is measured before it is taken apart, and taken apart beside the event loop."""

import json
import threading
import tracemalloc
from collections.abc import Sequence
from typing import cast

import pytest
import structlog

from gateway.errors import TooLarge
from gateway.ingest.intake import Intake, Taken
from gateway.ingest.receive import BATCH_LINES, NDJSON_BYTES, Receiver
from gateway.store.journal import Observation
from tests.support.api import header_line
from thresholds.model import CommunicationClass


class Taker:
    """Stands where the intake stands, and keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[Observation] = []

    async def take(self, observations: Sequence[Observation]) -> Taken:
        self.taken += observations
        return Taken(len(observations), 0)


def receiver(taker: Taker) -> Receiver:
    return Receiver(cast("Intake", taker), lambda *_: CommunicationClass.UNKNOWN, lambda: 1000.0)


def body(lines: int) -> bytes:
    return b"".join(json.dumps(header_line(number)).encode() + b"\n" for number in range(lines))


async def refused(data: bytes) -> str:
    """Have a body refused; return the code of the refusal."""
    taker = Taker()
    with pytest.raises(TooLarge) as caught:
        await receiver(taker).lines(data)
    assert taker.taken == []
    return caught.value.code


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["open", "ended"])
async def test_as_many_lines_as_a_body_may_have_are_taken_and_one_more_refuses_it(end: bytes) -> None:
    taker = Taker()
    most = body(BATCH_LINES).rstrip(b"\n")
    assert (await receiver(taker).lines(most + end)).accepted == len(taker.taken) == BATCH_LINES
    assert await refused(most + b"\n{}" + end) == "too_many_lines"


async def test_a_body_of_short_lines_is_refused_before_it_is_taken_apart() -> None:
    """A list of its lines would cost twenty times its bytes."""
    data = b"1\n" * (NDJSON_BYTES // 4)
    tracemalloc.start()
    try:
        assert await refused(data) == "too_many_lines"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(data)


async def test_a_body_of_too_many_bytes_is_refused_wherever_it_comes_from() -> None:
    assert await refused(b" " * (NDJSON_BYTES + 1)) == "too_large"
    with structlog.testing.capture_logs() as logs:
        await receiver(Taker()).message(b"{" + b" " * NDJSON_BYTES)
    assert [(log["event"], log["code"]) for log in logs] == [("message_refused", "too_large")]


async def test_lines_are_taken_apart_beside_the_event_loop() -> None:
    threads: list[int] = []

    class Watched(bytes):
        def count(self, *arguments: object) -> int:
            threads.append(threading.get_ident())
            return super().count(*arguments)  # type: ignore[arg-type]

        def split(self, *arguments: object) -> list[bytes]:
            threads.append(threading.get_ident())
            return super().split(*arguments)  # type: ignore[arg-type]

    assert (await receiver(Taker()).lines(Watched(body(3)))).accepted == 3
    assert len(threads) == 2
    assert threading.get_ident() not in threads
