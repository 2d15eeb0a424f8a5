"""Header of a DUIS request against a bare parse of the same document, interleaved, best of N."""

import functools
import time
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from gateway.ingest.duis import read_service_request
from tests.bench.figure import Figure
from tests.support.duis_messages import EXAMPLES
from thresholds.catalogue import load_catalogue

TEMPLATES = Path(__file__).parents[3] / "shared" / "duis" / "templates"
ROUNDS = 100
CHUNK = 20
"""Few enough that some round of each chunk is left alone by the rest of the machine."""


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
    read = functools.partial(read_service_request, classify=load_catalogue().classify)
    ours = peer = float("inf")
    for _ in range(ROUNDS):
        peer = min(peer, _seconds(etree.fromstring, documents))
        ours = min(ours, _seconds(read, documents))
    return ours, peer


def run() -> list[Figure]:
    """Return documents per second of both."""
    documents = _documents()
    best = [_best(documents[at : at + CHUNK]) for at in range(0, len(documents), CHUNK)]
    ours, peer = (sum(seconds) for seconds in zip(*best, strict=True))
    return [
        Figure(
            what="header of a DUIS request, whole document checked",
            against="bare lxml.etree.fromstring",
            ours=len(documents) / ours,
            peer=len(documents) / peer,
            unit="per second",
            aim=0.8,
            at_least=True,
            note=f"{len(documents)} documents, best of {ROUNDS}",
        )
    ]
