"""Header of a DUIS request against a bare parse of the same document, interleaved, best of N."""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.ingest.duis import read_service_request
from tests.support.duis_messages import EXAMPLES
from thresholds.model import CommunicationClass

TEMPLATES = Path(__file__).parents[3] / "shared" / "duis" / "templates"
ROUNDS = 100
CHUNK = 20
"""Few enough that some round of each chunk is left alone by the rest of the machine."""


def _classify(_command_variant: int, _variant: str) -> CommunicationClass:
    return CommunicationClass.SR


def _seconds(read: Callable[[bytes], object], documents: list[bytes]) -> float:
    start = time.perf_counter()
    for document in documents:
        read(document)
    return time.perf_counter() - start


def _documents() -> list[bytes]:
    templates = [path.read_bytes() for path in sorted(TEMPLATES.glob("*")) if path.is_file()]
    return templates or list(EXAMPLES) * 20


def _best(documents: list[bytes]) -> tuple[float, float]:
    """Return the least seconds of ours and of the peer over *documents*, taken in turn."""
    read = functools.partial(read_service_request, classify=_classify)
    ours = peer = float("inf")
    for _ in range(ROUNDS):
        peer = min(peer, _seconds(etree.fromstring, documents))
        ours = min(ours, _seconds(read, documents))
    return ours, peer


def run() -> dict[str, Any]:
    """Return documents per second of both and their ratio; 1 is the speed of the bare parse."""
    documents = _documents()
    best = [_best(documents[at : at + CHUNK]) for at in range(0, len(documents), CHUNK)]
    ours, peer = (sum(seconds) for seconds in zip(*best, strict=True))
    return {
        "name": "DUIS header",
        "ours_per_second": round(len(documents) / ours),
        "peer_per_second": round(len(documents) / peer),
        "ratio": round(peer / ours, 3),
        "aim": 0.8,
        "note": f"lxml.etree.fromstring alone, {len(documents)} documents, without a real classifier",
    }


if __name__ == "__main__":
    print(run())  # noqa: T201 - run by hand
