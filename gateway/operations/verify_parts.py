"""Verifies the chain part by part, in a process of its own: `python -m gateway.operations.verify_parts`.

A part comes in on standard input as a length of four octets and msgpack: the records in order, of which the first
follows the last of the part before. Each is answered on standard output in the same way by a `ChainVerdict`. The
process ends with its input; so nothing of it is left when the daemon is gone.
"""

import contextlib
import os
import sys
from typing import BinaryIO, Final

import msgspec

from gateway.audit.record import AuditRecord
from gateway.audit.two_people import TwoPeople
from gateway.audit.verify import ChainVerdict, Place, verify_chain

LENGTH_OCTETS: Final = 4
NICE: Final = 10
"""The count comes first."""

_decode = msgspec.msgpack.Decoder(list[tuple[object, object, object]]).decode


def frame(value: object) -> bytes:
    """Return *value* as msgpack behind its length."""
    body = msgspec.msgpack.encode(value)
    return len(body).to_bytes(LENGTH_OCTETS, "big") + body


def work(source: BinaryIO, answers: BinaryIO) -> None:
    """Answer part after part until *source* ends."""
    after, people = Place(), TwoPeople()
    while head := source.read(LENGTH_OCTETS):
        rows = _decode(source.read(int.from_bytes(head, "big")))
        records = [AuditRecord(*row) for row in rows]  # type: ignore[arg-type] # verification looks at the types
        verdict: ChainVerdict = verify_chain(records, after=after, people=people)
        after = Place(verdict.last_number, verdict.last_hash)
        answers.write(frame(verdict))
        answers.flush()


if __name__ == "__main__":
    with contextlib.suppress(OSError):
        os.nice(NICE)
    work(sys.stdin.buffer, sys.stdout.buffer)
