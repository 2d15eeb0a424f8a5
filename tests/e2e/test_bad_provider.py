"""A provider that is wrong, broken or hostile lets nobody in and brings nothing down."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from gateway.oidc.fetch import LONGEST_ANSWER
from tests.support.api import Answer
from tests.support.bad_provider import BadProvider
from tests.support.daemon import Daemon
from tests.support.oidc_provider import CLIENT, SECRET, oidc_settings
from tests.support.visitor import Visitor, words

HTML = {"Accept": "text/html"}


@pytest.fixture
def provider() -> Iterator[BadProvider]:
    with BadProvider() as running:
        yield running


@pytest.fixture
def daemon(provider: BadProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Start a daemon whose people come from the provider."""
    folder = tmp_path_factory.mktemp("bad-provider")
    settings = oidc_settings(folder, provider.issuer, "https://gateway.example", timeout_seconds=2.0)
    with Daemon(folder, token=False, oidc=settings) as running:
        yield running


def nobody(daemon: Daemon) -> bool:
    return daemon.query("SELECT count(*) FROM people WHERE issuer IS NOT NULL") == [(0,)]


def refused(answer: Answer, code: str = "provider_answer_refused") -> bool:
    return answer.status == 401 and code in words(answer) and "adt-gateway=" not in str(answer.headers)


def test_the_code_goes_with_the_secret_and_the_verifier_and_a_good_answer_is_taken(
    daemon: Daemon, provider: BadProvider
) -> None:
    visitor = Visitor(daemon.url)
    answer = provider.answer(visitor)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    (form,) = provider.forms
    assert form["redirect_uri"] == ["https://gateway.example/login/oidc/answer"]
    assert len(form["code_verifier"][0]) == 64
    assert "client_secret" not in form
    assert provider.headers[0]["Authorization"].startswith("Basic ")
    assert "una (submitter)" in words(visitor.get("/account"))
    assert "adt-gateway-sign-in" not in visitor.cookies
    assert SECRET.encode() not in daemon.log_file.read_bytes()


def test_the_secret_goes_in_the_form_where_the_provider_wants_that(
    daemon: Daemon, provider: BadProvider
) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert provider.answer(Visitor(daemon.url)).status == 303
    assert (provider.forms[0]["client_id"], provider.forms[0]["client_secret"]) == ([CLIENT], [SECRET])
    assert "Authorization" not in provider.headers[0]


def test_no_bad_token_lets_anybody_in(daemon: Daemon, provider: BadProvider) -> None:
    now = int(time.time())
    wrong: list[dict[str, Any]] = [
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "https://other.example"},
        {"exp": now - 120, "iat": now - 180},
        {"iat": now + 120},
        {"sub": ""},
        {"at_hash": "AAAA"},
        {"aud": [CLIENT, "another"]},
    ]
    for claims in wrong:
        provider.claims = claims
        assert refused(provider.answer(Visitor(daemon.url))), claims
    provider.claims = {}
    stranger = RSAKey.generate_key(2048)
    secret = OctKey.import_key(SECRET)
    makers: list[Callable[[dict[str, Any]], str]] = [
        provider.unsigned,
        lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, stranger),
        lambda claims: jwt.encode({"alg": "HS256", "kid": "one"}, claims, secret),
        lambda _: "no.token.atall",
        lambda claims: provider.signed(claims) + "x",
    ]
    for token in makers:
        provider.token = token
        assert refused(provider.answer(Visitor(daemon.url))), token
    provider.token = provider.signed
    assert nobody(daemon)
    assert provider.answer(Visitor(daemon.url)).status == 303  # it was they, not the provider


def test_an_answer_that_is_not_of_this_sign_in_is_refused(daemon: Daemon, provider: BadProvider) -> None:
    for state in ("", "another", "é", None):
        assert refused(provider.answer(Visitor(daemon.url), state=state), "sign_in_over")
    visitor = Visitor(daemon.url)
    provider.answer(visitor, state="x")
    for cookie in ("", "x", "a.b.c", "a.1.!!!", "a.99999999999999999999.Lw", "a" * 5000):
        visitor.cookies = {"adt-gateway-sign-in": cookie}
        assert refused(visitor.get("/login/oidc/answer?code=c&state=x", HTML), "sign_in_over")
    assert provider.forms == []  # no code was tried


def test_an_error_is_told_kindly_and_its_words_are_not(daemon: Daemon, provider: BadProvider) -> None:
    """What the provider says could be anybody's words: it is neither shown nor logged."""
    text = "<script>alert(1)</script> call 0800 123"
    answer = provider.answer(Visitor(daemon.url), code=None, error="access_denied", error_description=text)
    assert refused(answer)
    answer = provider.answer(Visitor(daemon.url), code=None, error=text)
    assert refused(answer)
    assert b"0800" not in answer.body
    assert "0800" not in daemon.log
    assert "it answered access_denied" in daemon.log
    for changes in ({"code": ""}, {"code": "x" * 5000}, {"iss": "https://other.example"}):
        assert refused(provider.answer(Visitor(daemon.url), **changes))
    assert provider.forms == []


def test_an_issuer_that_promises_to_name_itself_has_to(daemon: Daemon, provider: BadProvider) -> None:
    """RFC 9207."""
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    assert refused(provider.answer(Visitor(daemon.url)))
    assert provider.answer(Visitor(daemon.url), iss=provider.issuer).status == 303


def test_new_keys_are_asked_for_once_a_minute(daemon: Daemon, provider: BadProvider) -> None:
    """A provider may change its keys; a token that names one that nobody has makes no flood of questions."""
    assert provider.answer(Visitor(daemon.url)).status == 303
    assert provider.asked.count("/keys") == 1
    provider.header = {"kid": "nobody has it"}
    for _ in range(3):
        assert refused(provider.answer(Visitor(daemon.url)))
    assert provider.asked.count("/keys") == 1
    assert provider.asked.count("/.well-known/openid-configuration") == 1


def test_a_key_that_the_provider_took_since_is_found(daemon: Daemon, provider: BadProvider) -> None:
    provider.shown = []
    assert refused(provider.answer(Visitor(daemon.url)))
    assert provider.asked.count("/keys") == 1


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        ("/.well-known/openid-configuration", (500, b"{}")),
        ("/.well-known/openid-configuration", (302, b"{}")),
        ("/.well-known/openid-configuration", (404, b"{}")),
        ("/.well-known/openid-configuration", (200, b"<html>")),
        ("/.well-known/openid-configuration", (200, b"[]")),
        ("/.well-known/openid-configuration", (200, b"[" * 50_000)),
        ("/.well-known/openid-configuration", (200, b'{"issuer": 3}')),
        ("/.well-known/openid-configuration", (200, b" " * (LONGEST_ANSWER + 1))),
    ],
)
def test_a_provider_that_answers_nonsense_is_one_that_is_away(
    daemon: Daemon, provider: BadProvider, path: str, reply: tuple[int, bytes]
) -> None:
    provider.instead[path] = lambda: reply
    answer = Visitor(daemon.url).get("/login/oidc", HTML)
    assert (answer.status, "provider_unavailable" in words(answer)) == (503, True)
    assert Visitor(daemon.url).sign_in("bob").status == 303
    del provider.instead[path]
    assert provider.answer(Visitor(daemon.url)).status == 303


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"authorization_endpoint": "http://elsewhere.example/auth"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": "http://user:pass@127.0.0.1/"},
        {"end_session_endpoint": "javascript:alert(1)"},
    ],
)
def test_what_the_provider_says_of_itself_is_looked_at(
    daemon: Daemon, provider: BadProvider, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    assert "provider_unavailable" in words(Visitor(daemon.url).get("/login/oidc", HTML))


def test_a_provider_that_breaks_off_half_way_is_one_that_is_away(
    daemon: Daemon, provider: BadProvider
) -> None:
    cases: list[tuple[str, tuple[int, bytes]]] = [
        ("/token", (500, b"")),
        ("/token", (200, b"{}")),
        ("/token", (200, b'{"id_token": 3, "access_token": "x"}')),
        ("/token", (401, b'{"error": "invalid_client"}')),
        ("/keys", (500, b"")),
    ]
    for path, reply in cases:
        provider.instead = {path: lambda reply=reply: reply}  # type: ignore[misc]
        answer = provider.answer(Visitor(daemon.url))
        assert (answer.status, "provider_unavailable" in words(answer)) == (503, True), (path, reply)
    provider.instead = {"/token": lambda: (400, b'{"error": "invalid_grant"}')}
    assert refused(provider.answer(Visitor(daemon.url)))
    assert nobody(daemon)


def test_a_slow_provider_holds_up_nobody_else(daemon: Daemon, provider: BadProvider) -> None:
    def slow() -> tuple[int, bytes]:
        time.sleep(4)
        return 200, b"{}"

    provider.instead["/.well-known/openid-configuration"] = slow
    began = time.monotonic()
    assert Visitor(daemon.url).get("/login/oidc", HTML).status == 503
    assert 1.5 < time.monotonic() - began < 3.5


def test_nobody_is_led_to_another_site_afterwards(daemon: Daemon, provider: BadProvider) -> None:
    for following, wanted in (("//elsewhere.example", "/"), ("/people%3Fa%3D1", "/people?a=1")):
        visitor = Visitor(daemon.url)
        begun = visitor.get(f"/login/oidc?next={following}")
        state = begun.headers["Location"].partition("state=")[2].partition("&")[0]
        provider.nonce = begun.headers["Location"].partition("nonce=")[2].partition("&")[0]
        answer = visitor.get(f"/login/oidc/answer?code=c&state={state}")
        assert answer.headers["Location"] == wanted


def test_trying_codes_is_slowed(daemon: Daemon, provider: BadProvider) -> None:
    provider.instead = {"/token": lambda: (400, b'{"error": "invalid_grant"}')}
    visitor = Visitor(daemon.url)
    statuses = [provider.answer(visitor).status for _ in range(20)]
    assert statuses == [401] * 20
    # Each later one has to wait twice as long: one of these comes too early, however slow the machine is.
    assert 429 in [provider.answer(visitor).status for _ in range(5)]


def test_answers_that_nobody_here_asked_for_slow_nobody_down(daemon: Daemon, provider: BadProvider) -> None:
    stranger = Visitor(daemon.url)
    statuses = {stranger.get("/login/oidc/answer?code=c&state=x", HTML).status for _ in range(25)}
    assert statuses == {401}
    assert provider.answer(Visitor(daemon.url)).status == 303


def logout(provider: BadProvider, **what: str) -> dict[str, Any]:
    """Return the claims of a logout token."""
    event: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    now = int(time.time())
    return {"iss": provider.issuer, "aud": CLIENT, "iat": now, "jti": "1", "events": event} | what


def told_over(daemon: Daemon, text: str) -> int:
    """Send a logout token as the provider does; return the status."""
    return Visitor(daemon.url).ask("POST", "/login/oidc/ended", {"logout_token": text}).status


def test_only_the_provider_ends_sessions(daemon: Daemon, provider: BadProvider) -> None:
    visitor = Visitor(daemon.url)
    assert provider.answer(visitor).status == 303
    token = logout(provider, sub="u-1")
    for text in ("", "x", provider.unsigned(token), provider.signed(token | {"nonce": "n"})):
        assert told_over(daemon, text) == 400  # Back-Channel Logout 1.0, 2.8
    assert visitor.get("/account").status == 200
    assert told_over(daemon, provider.signed(token)) == 200
    assert visitor.get("/account").status == 303
    assert daemon.actions("person/una")[-1] == "session.ended"


def test_a_session_that_is_named_alone_ends_and_no_other(daemon: Daemon, provider: BadProvider) -> None:
    """By `sid` alone; where the provider never gave that name, those end to which it gave none."""
    names = {"one": "s-1", "two": "s-2", "long": "s" * 300, "nameless": ""}
    visitors = {}
    for name, session in names.items():
        provider.claims = {"sub": name, "preferred_username": name} | ({"sid": session} if session else {})
        visitors[name] = Visitor(daemon.url)
        assert provider.answer(visitors[name]).status == 303

    def left() -> set[str]:
        return {name for name, each in visitors.items() if each.get("/account").status == 200}

    for session, ended in (("s-1", "one"), ("s-1", ""), ("s" * 300, "long"), ("s-9", "nameless")):
        before = left()
        assert told_over(daemon, provider.signed(logout(provider, sid=session))) == 200
        assert before - left() == ({ended} if ended else set())
        if ended:
            assert daemon.actions(f"person/{ended}")[-1] == "session.ended"
    assert left() == {"two"}


def test_nobody_comes_in_with_a_session_that_was_ended_on_the_way(
    daemon: Daemon, provider: BadProvider
) -> None:
    """The provider ends it after it gave the ID token, and before the session begins here."""
    statuses = []

    def token(which: dict[str, str]) -> tuple[int, bytes]:
        del provider.instead["/token"]
        reply = provider._reply("/token")
        statuses.append(told_over(daemon, provider.signed(logout(provider, **which))))
        return reply

    cases: list[dict[str, str]] = [{"sid": "s-1"}, {"sub": "u-1"}]
    for claims, which in zip(({"sid": "s-1"}, {}), cases, strict=True):
        provider.claims = dict(claims)
        provider.instead = {"/token": lambda which=which: token(which)}  # type: ignore[misc]
        assert refused(provider.answer(Visitor(daemon.url)))
    assert statuses == [200, 200]
    assert nobody(daemon)
    provider.claims = {"sid": "s-2", "iat": int(time.time()) + 2}
    assert provider.answer(Visitor(daemon.url)).status == 303


def test_the_provider_is_asked_when_the_person_signed_in(daemon: Daemon, provider: BadProvider) -> None:
    """A session that the provider kept open for days is no proof that its person is there now."""
    begun = Visitor(daemon.url).get("/login/oidc")
    assert "max_age=900" in begun.headers["Location"]
    provider.claims = {"auth_time": int(time.time()) - 86_400}
    assert refused(provider.answer(Visitor(daemon.url)))
    assert nobody(daemon)


def test_a_session_ends_with_the_way_in_that_it_came_by(daemon: Daemon, provider: BadProvider) -> None:
    """The settings say who comes in; a session of before does not outlive that by hours."""
    local, others = Visitor(daemon.url), Visitor(daemon.url)
    local.sign_in("ada")
    assert provider.answer(others).status == 303
    sessions = {"local": local, "others": others}

    def open_after(**changes: object) -> list[str]:
        daemon.set("oidc", **changes)
        daemon.restart()
        for each in sessions.values():
            each.url = daemon.url
        return [name for name, each in sessions.items() if each.get("/account").status == 200]

    assert open_after() == ["local", "others"]
    assert open_after(local_accounts=False) == ["others"]
    assert open_after(local_accounts=True, issuer="http://127.0.0.1:1") == ["local"]
    daemon.without("oidc")
    daemon.restart()
    others.url = daemon.url
    assert others.get("/account").status == 303
