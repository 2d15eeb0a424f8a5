"""Bodies under a Content-Encoding are unpacked within the limit."""

import gzip
import zlib
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest.errors import IngestError
from gateway.ingest.passed_on import plain


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data)


PACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "identity": bytes,
    "gzip": _gzip,
    "X-GZIP": _gzip,
    "deflate": zlib.compress,
}


@given(st.binary(max_size=2000), st.sampled_from(sorted(PACK)))
def test_what_was_packed_comes_back(data: bytes, encoding: str) -> None:
    assert plain(PACK[encoding](data), encoding) == data


@pytest.mark.parametrize("size", [999, 1000, 1001, 5000])
def test_no_more_than_the_limit_is_unpacked(size: int) -> None:
    packed = gzip.compress(b"x" * size)
    if size <= 1000:
        assert len(plain(packed, "gzip", 1000)) == size
        return
    with pytest.raises(IngestError) as refused:
        plain(packed, "gzip", 1000)
    assert refused.value.code == "too_large"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"", "gzip"),
        (b"no gzip", "gzip"),
        (gzip.compress(b"x" * 100)[:-4], "gzip"),
        (gzip.compress(b"x") + b"more", "gzip"),
        (b"x", "br"),
        (gzip.compress(b"x"), "gzip, gzip"),
    ],
    ids=["empty", "other", "cut off", "with more", "unknown", "two"],
)
def test_what_is_not_whole_or_not_known_is_refused(data: bytes, encoding: str) -> None:
    with pytest.raises(IngestError) as refused:
        plain(data, encoding)
    assert refused.value.code == "content_encoding"
