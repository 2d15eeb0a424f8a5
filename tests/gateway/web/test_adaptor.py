"""What goes on to the adaptor: which addresses, and which headers."""

import posixpath
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from gateway.errors import InvalidInput
from gateway.web.adaptor import adaptor_target, end_to_end

PIECES = st.sampled_from(
    [
        "a",
        "..",
        ".",
        "/",
        "%2e",
        "%2F",
        "%5c",
        "\\",
        "%00",
        "%25",
        "%",
        ";",
        "?",
        "#",
        "//",
        "é",
        "%C3%A9",
        ":",
        "@",
        " ",
        "\r\n",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
@example("a/b?x=../..%2f")
@example("%C3%A9;v=1/")
def test_what_is_passed_on_stays_below_the_adaptors_address(target: str) -> None:
    """Whatever software there reads it: as it stands, unquoted once or twice, with dots resolved."""
    try:
        passed = adaptor_target("/duis/" + target)
    except InvalidInput:
        return
    assert passed == target
    assert str(URL(f"http://adaptor/base/{passed}", encoded=True)) == f"http://adaptor/base/{target}"
    path = urlsplit(f"http://adaptor/base/{passed}").path
    for read in (path, unquote(path), unquote(unquote(path))):
        assert posixpath.normpath(read).startswith("/base")
        assert read.count("/") == path.count("/")
        assert not set(read) & set("\\\r\n\0")


@pytest.mark.parametrize("raw", ["/duisx/a", "duis/a", "/api/v1/rates", "http://adaptor/duis/a", "*", ""])
def test_an_address_that_is_not_below_duis_is_refused(raw: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        adaptor_target(raw)
    assert refused.value.code == "path_refused"


def test_headers_that_connection_names_stay_behind_whatever_their_case() -> None:
    headers = CIMultiDict([("connection", "X-A , close"), ("CONNECTION", "x-b"), ("x-a", "1"), ("X-B", "2")])
    headers.extend([("X-C", "3"), ("x-c", "4"), ("TRANSFER-ENCODING", "chunked")])
    assert list(end_to_end(headers).items()) == [("X-C", "3"), ("x-c", "4")]


@pytest.mark.parametrize(
    ("authorization", "stays"),
    [("Bearer adtgw_abc", False), ("bearer  adtgw_abc", False), ("Bearer abc", True), ("Basic YTpi", True)],
)
def test_an_access_token_of_ours_is_told_by_its_form(authorization: str, stays: bool) -> None:
    assert ("Authorization" in end_to_end({"Authorization": authorization})) == stays
