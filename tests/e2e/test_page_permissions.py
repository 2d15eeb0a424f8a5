"""Who may see and do what at the console: every page, with every role and without any."""

import re
from typing import Final

import pytest

from gateway.access import Role
from gateway.web.console.page import Page
from gateway.web.console.table import OPEN, PAGES
from tests.e2e.test_permissions import EVERYBODY, ONE_ROLE
from tests.support.daemon import Daemon
from tests.support.visitor import Visitor, words

ADMIN: Final = frozenset({Role.ADMIN})
APPROVER: Final = frozenset({Role.APPROVER})
HANDLERS: Final = frozenset({Role.OPERATOR, Role.ANALYST})
DECIDERS: Final = frozenset({Role.ANALYST, Role.OPERATOR})
ALLOWED: Final = {
    ("GET", "/"): EVERYBODY,
    ("GET", "/files"): EVERYBODY,
    ("GET", "/approve"): frozenset({Role.APPROVER}),
    ("GET", "/files/new"): frozenset({Role.SUBMITTER}),
    ("POST", "/files/new"): frozenset({Role.SUBMITTER}),
    ("GET", "/files/{number}"): EVERYBODY,
    ("GET", "/files/{number}/backtest"): EVERYBODY,
    ("POST", "/files/{number}/approve"): frozenset({Role.APPROVER}),
    ("POST", "/files/{number}/reject"): frozenset({Role.APPROVER}),
    ("POST", "/files/{number}/withdraw"): frozenset({Role.SUBMITTER}),
    ("POST", "/files/{number}/deliver"): frozenset({Role.OPERATOR, Role.SUBMITTER}),
    ("POST", "/files/{number}/handed-over"): frozenset({Role.OPERATOR, Role.SUBMITTER}),
    ("POST", "/files/{number}/acknowledge"): frozenset({Role.OPERATOR, Role.SUBMITTER}),
    ("GET", "/quarantine/decisions"): EVERYBODY,
    ("GET", "/quarantine/decisions/new"): DECIDERS,
    ("POST", "/quarantine/decisions/new"): DECIDERS,
    ("GET", "/quarantine/decisions/{number}"): EVERYBODY,
    ("POST", "/quarantine/decisions/{number}/approve"): frozenset({Role.APPROVER}),
    ("POST", "/quarantine/decisions/{number}/reject"): frozenset({Role.APPROVER}),
    ("POST", "/quarantine/decisions/{number}/withdraw"): DECIDERS,
    ("POST", "/quarantine/decisions/{number}/deliver"): frozenset({Role.OPERATOR, Role.SUBMITTER}),
    ("POST", "/quarantine/decisions/{number}/handed-over"): frozenset({Role.OPERATOR, Role.SUBMITTER}),
    ("POST", "/quarantine/decisions/{number}/acknowledge"): frozenset({Role.OPERATOR, Role.SUBMITTER}),
    ("POST", "/quarantine/decisions/{number}/ended"): DECIDERS,
    ("GET", "/overview"): EVERYBODY,
    ("GET", "/incidents"): EVERYBODY,
    ("GET", "/incidents/{number}"): EVERYBODY,
    ("GET", "/incidents/{number}/excess.csv"): EVERYBODY,
    ("GET", "/incidents/{number}/{table}.csv"): EVERYBODY,
    ("GET", "/quarantine"): EVERYBODY,
    ("GET", "/quarantine/alerts"): EVERYBODY,
    ("GET", "/quarantine/alerts/{number}"): EVERYBODY,
    ("GET", "/quarantine/differences"): EVERYBODY,
    ("GET", "/quarantine/pm-11"): EVERYBODY,
    ("GET", "/quarantine/pm-11/requests.csv"): EVERYBODY,
    ("GET", "/alerts"): EVERYBODY,
    ("POST", "/alerts/{number}/resend"): HANDLERS,
    ("GET", "/alerts/{number}/discard"): HANDLERS,
    ("POST", "/alerts/{number}/discard"): HANDLERS,
    ("POST", "/channels/{name}/resend"): HANDLERS,
    ("GET", "/channels/{name}/discard"): HANDLERS,
    ("POST", "/channels/{name}/discard"): HANDLERS,
    ("POST", "/channels/{name}/test"): HANDLERS,
    ("GET", "/incidents/{number}/work"): frozenset({Role.ANALYST}),
    ("GET", "/incidents/{number}/attachments/{sha256}"): EVERYBODY,
    ("POST", "/incidents/{number}/step"): frozenset({Role.ANALYST, Role.OPERATOR}),
    ("POST", "/incidents/{number}/notes"): frozenset({Role.ANALYST, Role.OPERATOR}),
    **{
        ("POST", f"/incidents/{{number}}/{verb}"): frozenset({Role.ANALYST})
        for verb in (
            *("reopen", "assign", "ticket", "classification", "marking", "merge", "split"),
            *("notifications", "attachments"),
        )
    },
    ("GET", "/silences"): EVERYBODY,
    ("GET", "/silences/new"): frozenset({Role.OPERATOR, Role.ANALYST}),
    ("POST", "/silences/new"): frozenset({Role.OPERATOR, Role.ANALYST}),
    ("GET", "/silences/{number}"): EVERYBODY,
    ("POST", "/silences/{number}/end"): frozenset({Role.OPERATOR, Role.ANALYST}),
    ("GET", "/audit"): EVERYBODY,
    ("GET", "/audit/{number}"): EVERYBODY,
    ("GET", "/audit/chain.jsonl"): EVERYBODY,
    ("POST", "/audit/verify"): EVERYBODY,
    ("GET", "/token"): EVERYBODY,
    ("GET", "/settings"): ADMIN | {Role.AUDITOR, Role.OPERATOR},
    ("GET", "/help"): EVERYBODY,
    ("GET", "/people"): ADMIN | {Role.AUDITOR},
    ("POST", "/people"): ADMIN,
    ("GET", "/people/{name}"): ADMIN | {Role.AUDITOR},
    ("POST", "/people/{name}/roles"): ADMIN,
    ("POST", "/people/{name}/disable"): ADMIN,
    ("POST", "/people/{name}/password"): ADMIN,
    ("POST", "/people/{name}/tokens/{number}/revoke"): ADMIN,
    ("POST", "/people/{name}/sessions/{number}/end"): ADMIN,
    ("GET", "/account"): EVERYBODY,
    ("GET", "/account/password"): EVERYBODY,
    ("POST", "/account/password"): EVERYBODY,
    ("POST", "/account/tokens"): EVERYBODY,
    ("POST", "/account/tokens/{number}/revoke"): EVERYBODY,
    ("POST", "/account/sessions/{number}/end"): EVERYBODY,
    ("GET", "/rates"): EVERYBODY,
    ("GET", "/rates/{key}"): EVERYBODY,
    ("GET", "/rates/{key}/counts.csv"): EVERYBODY,
    ("GET", "/account/passkeys/new"): EVERYBODY,
    ("POST", "/account/passkeys"): EVERYBODY,
    ("POST", "/account/passkeys/{number}/remove"): EVERYBODY,
    ("POST", "/people/{name}/passkeys/{number}/remove"): ADMIN,
    ("GET", "/files/{number}/passkey"): APPROVER,
    ("POST", "/files/{number}/passkey"): APPROVER,
    ("POST", "/logout"): EVERYBODY,
}
"""Who may use each page, written down a second time."""
DOWNLOADS: Final = {"/audit/chain.jsonl", "/quarantine/pm-11/requests.csv"}
"""What is no page once it is allowed."""

PEOPLE_ROLES: Final = [role for role in Role if role is not Role.ADAPTOR]


def plain(page: Page) -> tuple[str, str]:
    """Return method and path, without the patterns of the names in it."""
    return page.method, re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", page.path)


def fill(path: str) -> str:
    values = {"{sha256}": "0" * 64, "{table}": "counts"} | {
        "{number}": "99999",
        "{name}": "nobody",
        "{key}": "90-B3-D5-1F-30-01-00-00~SR~9.9~PT1H~rolling",
    }
    for name, value in values.items():
        path = path.replace(name, value)
    return path


def in_order() -> list[tuple[str, str]]:
    """Return every page, signing out last."""
    return sorted(map(plain, PAGES), key=lambda page: page[1] == "/logout")


def test_every_page_is_listed_here() -> None:
    assert sorted(map(plain, PAGES)) == sorted(ALLOWED)
    ways_in = {"/login", "/login/oidc", "/login/oidc/answer", "/login/oidc/ended"}
    assert {path for _, path, _ in OPEN} == ways_in


@pytest.mark.parametrize("role", PEOPLE_ROLES)
def test_a_role_opens_its_pages_and_no_other(daemon: Daemon, role: Role) -> None:
    visitor = Visitor(daemon.url)
    assert visitor.sign_in(ONE_ROLE[role]).status == 303
    for method, path in in_order():
        answer = visitor.post(fill(path)) if method == "POST" else visitor.get(fill(path))
        is_page = answer.headers.get("Content-Type") == "text/html; charset=utf-8"
        assert answer.status == 303 or is_page or path in DOWNLOADS
        if role in ALLOWED[method, path]:
            assert answer.status not in {401, 403, 500}, (method, path, words(answer))
        else:
            assert answer.status == 403, (method, path)
            assert " or ".join(sorted(ALLOWED[method, path])) in words(answer)
            assert "role_missing" in words(answer)


def test_a_machine_has_no_way_in(daemon: Daemon) -> None:
    assert Visitor(daemon.url).sign_in(ONE_ROLE[Role.ADAPTOR]).status == 401


def test_who_is_not_signed_in_is_led_to_the_form_whatever_they_ask(daemon: Daemon) -> None:
    for method, path in in_order():
        for cookies in ({}, {"adt-gateway": "guess"}, {"adt-gateway": "x" * 5000}):
            visitor = Visitor(daemon.url)
            visitor.cookies = dict(cookies)
            answer = visitor.ask(method, fill(path), {} if method == "POST" else None)
            assert answer.status == 303, (method, path)
            assert answer.headers["Location"].startswith("/login")


def test_a_form_without_the_token_of_its_session_changes_nothing(daemon: Daemon) -> None:
    other = Visitor(daemon.url)
    other.sign_in("ada")
    visitors: dict[Role, Visitor] = {}
    for method, path in in_order():
        if method == "GET":
            continue
        role = min(ALLOWED[method, path])  # the role is looked at first
        if role not in visitors:
            visitors[role] = Visitor(daemon.url)
            visitors[role].sign_in(ONE_ROLE[role])
        visitor = visitors[role]
        for token in ("", "0" * 64, other.form_token, "é"):
            answer = visitor.post(fill(path), {"form_token": token})
            assert (answer.status, "form_token_wrong" in words(answer)) == (403, True), path
        for headers in ({"Origin": "http://elsewhere"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = visitor.post(fill(path), headers=headers)
            assert (answer.status, "other_site" in words(answer)) == (403, True), path
    assert {visitor.get("/account").status for visitor in visitors.values()} == {200}


def test_the_navigation_shows_what_may_be_seen(daemon: Daemon) -> None:
    for role, sees in ((Role.ADMIN, True), (Role.AUDITOR, True), (Role.SUBMITTER, False)):
        visitor = Visitor(daemon.url)
        visitor.sign_in(ONE_ROLE[role])
        assert (b'href="/people"' in visitor.get("/overview").body) is sees
