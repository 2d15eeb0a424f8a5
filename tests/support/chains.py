"""Audit chains made by hypothesis."""

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from gateway.audit.record import AuditRecord, Entry, append, record_hash

AT: Final = "2026-12-01T00:00:00.000Z"

JSON_VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TEXTS: Final = st.text(max_size=12)
ENTRIES: Final = st.builds(
    Entry, TEXTS, TEXTS, TEXTS, st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=3)
)


def make_chain(entries: Sequence[Entry]) -> list[AuditRecord]:
    """Return the chain of *entries*."""
    chain: list[AuditRecord] = []
    for entry in entries:
        chain.append(append(chain[-1] if chain else None, entry, AT))
    return chain


def chains(least: int = 0, most: int = 6) -> st.SearchStrategy[list[AuditRecord]]:
    """Chains of *least* to *most* records."""
    return st.lists(ENTRIES, min_size=least, max_size=most).map(make_chain)


def with_body(record: AuditRecord, body: bytes) -> AuditRecord:
    """Return *record* with other content and the hash that belongs to it."""
    return msgspec.structs.replace(record, body=body, hash=record_hash(body))


def content_of(record: AuditRecord) -> dict[str, Any]:
    """Return what a record says, with numbers that canonical JSON writes as they were."""
    content: dict[str, Any] = json.loads(record.body, parse_int=float)
    return content
