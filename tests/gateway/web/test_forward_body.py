"""A body on its way: what came whole is handed in to be counted once, whatever the sender does then."""

from collections.abc import AsyncIterator
from typing import cast

import aiohttp
import pytest

from gateway.ingest.passed_on import PassedOn
from gateway.web.forward import Body


class Content:
    """A stream of *parts*; then the connection is lost."""

    def __init__(self, parts: list[bytes], *, whole: bool) -> None:
        self.parts = list(parts)
        self.whole = whole

    def at_eof(self) -> bool:
        return self.whole and not self.parts

    async def iter_any(self) -> AsyncIterator[bytes]:
        while self.parts:
            yield self.parts.pop(0)
        raise ConnectionResetError


class Counted:
    """Keeps what was handed in."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.reserved = 0

    def reserve(self, size: int) -> bool:
        self.reserved += size
        return True

    def release(self, size: int) -> None:
        self.reserved -= size

    def count(self, data: bytes, encoding: str) -> None:
        assert encoding == "identity"
        self.bodies.append(data)


def body(content: Content, counted: Counted) -> Body:
    return Body(cast("aiohttp.StreamReader", content), "identity", cast("PassedOn", counted))


async def test_a_sender_who_leaves_after_the_last_byte_has_sent_it_whole() -> None:
    counted = Counted()
    sent = body(Content([b"a", b"b"], whole=True), counted)
    assert [part async for part in sent] == [b"a", b"b"]
    assert (sent.ended, sent.broken, counted.bodies) == (True, False, [b"ab"])


async def test_a_sender_who_leaves_before_has_sent_nothing() -> None:
    counted = Counted()
    sent = body(Content([b"a", b"b"], whole=False), counted)
    with pytest.raises(ConnectionResetError):
        [part async for part in sent]
    sent.drop()
    assert (sent.ended, sent.broken, counted.bodies, counted.reserved) == (False, True, [], 0)


async def test_what_the_adaptor_did_not_take_is_read_all_the_same() -> None:
    counted = Counted()
    sent = body(Content([b"a", b"b", b"c"], whole=True), counted)
    async for _ in sent:
        break
    await sent.rest()
    assert (sent.ended, counted.bodies) == (True, [b"abc"])
