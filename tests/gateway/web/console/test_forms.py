"""Forms are read within bounds, sentences are told to their own session alone, and nobody is led away."""

import base64
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import Person, Role
from gateway.operations.sessions import Session
from gateway.web.console import flash
from gateway.web.console.form import FIELDS, read_form
from gateway.web.console.serve import local_path
from gateway.web.problems import problems

LIMIT = 1000
ANN = Session(1, Person("ann", frozenset({Role.ANALYST})), "secret-of-ann", must_change_password=False)
BOB = Session(2, Person("bob", frozenset({Role.ANALYST})), "secret-of-bob", must_change_password=False)


async def send(data: Any, content_type: str = "") -> tuple[int, Any]:
    """Send a body; return the status and what was read of it, or the problem."""

    async def read(request: web.Request) -> web.Response:
        form = await read_form(request, LIMIT)
        uploads = {name: [each.name, each.content.decode()] for name, each in form.uploads.items()}
        return web.json_response({"fields": {k: list(v) for k, v in form.fields.items()}, "uploads": uploads})

    app = web.Application(middlewares=[problems])
    app.router.add_post("/", read)
    headers = {"Content-Type": content_type} if content_type else {}
    async with TestClient(TestServer(app)) as client:
        answer = await client.post("/", data=data, headers=headers)
        return answer.status, await answer.json(content_type=None)


async def test_a_form_is_read_with_every_value_of_a_field() -> None:
    status, read = await send(b"name=a+b&roles=x&roles=y&empty=", "application/x-www-form-urlencoded")
    assert (status, read["fields"]) == (200, {"name": ["a b"], "roles": ["x", "y"], "empty": [""]})


async def test_a_file_is_read_with_the_fields_beside_it() -> None:
    data = FormData({"form_token": "t"})
    data.add_field("file", b"a,b\n1,2\n", filename="adt.csv", content_type="text/csv")
    status, read = await send(data)
    assert (status, read["fields"]) == (200, {"form_token": ["t"]})
    assert read["uploads"] == {"file": ["adt.csv", "a,b\n1,2\n"]}


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (b"a=" + b"x" * LIMIT, "application/x-www-form-urlencoded", "too_large"),
        (b"a&" * FIELDS + b"a", "application/x-www-form-urlencoded", "form_malformed"),
        (b"a=%ff", "application/x-www-form-urlencoded", "form_malformed"),
        (b"a=\xff", "application/x-www-form-urlencoded", "form_malformed"),
        (b"{}", "application/json", "form_malformed"),
        (b"a=b", "multipart/form-data", "form_malformed"),
        (b"nothing", "multipart/form-data; boundary=x", "form_malformed"),
        (b"--x\r\n\r\nno name\r\n--x--\r\n", "multipart/form-data; boundary=x", "form_malformed"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * LIMIT * 2 + b"\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            "too_large",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            "form_malformed",
        ),
    ],
)
async def test_what_is_no_form_is_refused(data: bytes, kind: str, code: str) -> None:
    status, read = await send(data, kind)
    assert (status, read["code"]) == (413 if code == "too_large" else 422, code)


def cookie_of(text: str, session: Session) -> str:
    response = web.Response()
    flash.remember(make_mocked_request("GET", "/"), response, session, text)
    return response.cookies[flash.COOKIE].value


def told(cookie: str, session: Session) -> str:
    request = make_mocked_request("GET", "/", headers={"Cookie": f'{flash.COOKIE}="{cookie}"'})
    return flash.told(request, session)


@given(st.text(max_size=300).filter(bool))
def test_a_sentence_is_told_to_its_own_session_alone(text: str) -> None:
    try:
        cookie = cookie_of(text, ANN)
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    assert told(cookie, ANN) == text
    assert told(cookie, BOB) == ""


@given(st.text(st.characters(codec="ascii", exclude_characters='";\\,\r\n '), max_size=80))
def test_what_another_wrote_is_not_told(cookie: str) -> None:
    assert told(cookie, ANN) == ""
    assert told(base64.urlsafe_b64encode(cookie.encode()).decode() + ".0", ANN) == ""


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["/", "\\", "//", "a", ":", "@", "?", "#", ".", "\t", "\n", "%2f", "é"])).map(
        "".join
    )
)
def test_the_way_on_stays_on_this_server(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert not set(path) & set("\\\r\n\t\0")
    parts = urlsplit(path)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert path in {text, "/"}


def test_a_way_on_is_kept() -> None:
    assert local_path("/people/ann?sort=-name#x") == "/people/ann?sort=-name#x"


def test_a_session_shows_no_secret() -> None:
    assert "secret" not in repr(ANN)
    assert ANN.form_token != BOB.form_token
    assert "secret" not in ANN.form_token
