"""People of an organisation sign in through its OpenID Connect provider: a real one, in a real browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.api import wait_for
from tests.support.browser import assert_accessible, needs_chromium, opened, sign_in
from tests.support.daemon import Daemon, row
from tests.support.oidc_provider import RealProvider, gateway_with, needs_provider
from tests.support.visitor import Visitor, words

pytestmark = [needs_chromium, needs_provider]

House = tuple[Daemon, RealProvider]
AT_THE_START = re.compile(r"^http://localhost:\d+/$")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Start a gateway and its provider for the tests of this module."""
    with gateway_with(tmp_path_factory.mktemp("oidc")) as pair:
        yield pair


def through_the_provider(page: Page, name: str, path: str = "/login") -> None:
    """Sign in as a person does, with consent; ends where the gateway leads."""
    page.goto(path)
    page.get_by_role("link", name="Sign in with Northern Grid").click()
    page.get_by_placeholder("Enter any login").fill(name)
    page.get_by_placeholder("and password").fill("anything")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(lambda url: urlsplit(url).path != "/login/oidc" and "interaction" not in url)


def records(daemon: Daemon, name: str) -> list[dict[str, Any]]:
    rows = daemon.query("SELECT body FROM audit_records WHERE subject = ? ORDER BY number", f"person/{name}")
    return [json.loads(body) for (body,) in rows]


def test_somebody_of_the_organisation_signs_in_and_out_there_too(browser: Browser, house: House) -> None:
    """They are added at their first sign-in; they come to the page that they wanted."""
    daemon, provider = house
    provider.person("Jo.Bloggs", "grid-submitters", "choir", email="jo@grid.example")
    with opened(browser, daemon.url) as page:
        through_the_provider(page, "Jo.Bloggs", "/account?x=1")
        expect(page).to_have_url(f"{daemon.url}/account?x=1")
        expect(page.get_by_role("banner")).to_contain_text("Signed in as jo.bloggs (submitter)")
        assert_accessible(page)
        added, begun = records(daemon, "jo.bloggs")
        assert (added["actor"], added["action"]) == ("system", "person.added")
        assert added["detail"] == {
            "issuer": provider.issuer,
            "roles": ["submitter"],
            "subject": "Jo.Bloggs",
        }
        assert (begun["actor"], begun["action"]) == ("jo.bloggs", "session.begun")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
        assert_accessible(page)
        page.get_by_role("link", name="Sign out of Northern Grid too").click()
        page.get_by_role("button", name="Yes, sign me out").click()
        page.wait_for_url(f"{daemon.url}/login**")
        page.goto("/account")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        assert_accessible(page)


def test_the_groups_give_the_roles_at_every_sign_in(browser: Browser, house: House) -> None:
    """A change ends the sessions of before, and is on record; without a group that counts nobody comes in."""
    daemon, provider = house
    provider.person("kim", "grid-approvers", "grid-submitters")
    with opened(browser, daemon.url) as before:
        through_the_provider(before, "kim")
        expect(before.get_by_role("banner")).to_contain_text("kim (approver, submitter)")
        provider.person("kim", "grid-approvers")
        with opened(browser, daemon.url) as page:
            through_the_provider(page, "kim")
            expect(page.get_by_role("banner")).to_contain_text("kim (approver)")
        before.goto("/account")
        expect(before.get_by_role("heading", level=1)).to_have_text("Sign in")
    changed = [record for record in records(daemon, "kim") if record["action"] == "person.roles_changed"]
    assert [(each["actor"], each["detail"]["before"], each["detail"]["roles"]) for each in changed] == [
        ("system", ["approver", "submitter"], ["approver"])
    ]
    provider.person("kim", "choir")
    with opened(browser, daemon.url) as page:
        through_the_provider(page, "kim")
        expect(page.get_by_role("main")).to_contain_text("none of your groups there gives you a role here")
        assert_accessible(page)
        page.goto("/account")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert daemon.query("SELECT roles FROM people WHERE name = 'kim'") == [("",)]


def test_nobody_is_added_without_a_group_that_counts(browser: Browser, house: House) -> None:
    daemon, provider = house
    provider.person("lee", "choir")
    with opened(browser, daemon.url) as page:
        through_the_provider(page, "lee")
        expect(page.get_by_role("main")).to_contain_text("no_role_by_group")
    assert daemon.query("SELECT count(*) FROM people WHERE name = 'lee'") == [(0,)]


def test_nobody_becomes_a_local_account_by_having_its_name(browser: Browser, house: House) -> None:
    """Who they are is issuer and subject; a name that is taken is refused."""
    daemon, provider = house
    provider.person("eve", "grid-admins", preferred_username="Ada@grid.example")
    with opened(browser, daemon.url) as page:
        through_the_provider(page, "eve")
        expect(page.get_by_role("main")).to_contain_text("person_name_taken")
    assert daemon.query("SELECT issuer, roles FROM people WHERE name = 'ada'") == [(None, "admin")]


def test_somebody_is_the_same_when_the_provider_renames_them(browser: Browser, house: House) -> None:
    daemon, provider = house
    provider.person("u-17", "grid-submitters", preferred_username="ann.old")
    for _ in range(2):
        with opened(browser, daemon.url) as page:
            through_the_provider(page, "u-17")
            expect(page.get_by_role("banner")).to_contain_text("ann.old (submitter)")
        provider.person("u-17", "grid-submitters", preferred_username="ann.new")
    assert daemon.query("SELECT name FROM people WHERE subject = 'u-17'") == [("ann.old",)]


def test_a_local_account_and_one_of_the_provider_are_no_two_people(browser: Browser, house: House) -> None:
    """One human may have both: such an approval is refused, and the attempt is on record."""
    daemon, provider = house
    number = daemon.submit(row(1, 2))  # by alice, a local account
    provider.person("alice.smith", "grid-approvers", "grid-submitters")
    with opened(browser, daemon.url) as page:
        through_the_provider(page, "alice.smith")
        visitor = Visitor(daemon.url)
        visitor.cookies = {each["name"]: each["value"] for each in page.context.cookies()}
        visitor.get("/account")
        path = f"/api/v1/adt-files/{number}/approve"
        answer = visitor.ask("POST", path, {}, {"X-CSRF-Token": visitor.form_token})
        assert (answer.status, answer.code) == (403, "second_person_unsure")
    assert daemon.actions(f"adt-file/{number}")[-1] == "adt_file.approval_refused"
    assert daemon.as_("bob").step(number, "approve").status != 403  # both are local accounts


def test_a_person_of_the_provider_has_no_password_and_no_roles_given_here(
    browser: Browser, house: House
) -> None:
    daemon, provider = house
    provider.person("max", "grid-submitters")
    with opened(browser, daemon.url) as page:
        through_the_provider(page, "max")
    for command in (("user", "set-roles", "max", "--role", "approver"), ("user", "set-password", "max")):
        done = daemon.cli(*command)
        assert done.returncode != 0, command
    admin = Visitor(daemon.url)
    admin.sign_in("ada")
    assert admin.post("/people/max/password").status == 409
    assert "The groups at" in words(admin.get("/people/max"))
    assert "person_of_provider" in words(admin.post("/people/max/roles", {"roles": ["approver"]}))
    assert Visitor(daemon.url).sign_in("max", "anything").status == 401
    assert admin.post("/people/max/disable").status == 303
    with opened(browser, daemon.url) as page:
        through_the_provider(page, "max")
        expect(page.get_by_role("main")).to_contain_text("person_disabled")


def test_who_refuses_consent_is_told_so_kindly(browser: Browser, house: House) -> None:
    daemon, provider = house
    provider.person("ned", "grid-submitters")
    with opened(browser, daemon.url) as page:
        page.goto("/login/oidc")
        page.get_by_role("link", name="Cancel").click()
        expect(page.get_by_role("main")).to_contain_text("The sign-in at your organisation did not succeed")
        assert_accessible(page)


def test_an_answer_is_taken_from_the_browser_that_asked(browser: Browser, house: House) -> None:
    """A link with somebody else's code signs nobody in."""
    daemon, provider = house
    provider.person("oona", "grid-submitters")
    with opened(browser, daemon.url) as page:
        page.goto("/login/oidc")
        page.context.clear_cookies(name="adt-gateway-sign-in")  # so that the code is not used yet
        page.get_by_placeholder("Enter any login").fill("oona")
        page.get_by_placeholder("and password").fill("x")
        page.get_by_role("button", name="Sign-in").click()
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/login/oidc/answer?code=**")
        caught = page.url
    with opened(browser, daemon.url) as victim:
        for _ in range(2):
            victim.goto(caught)
            expect(victim.get_by_role("main")).to_contain_text("sign_in_over")
            victim.goto("/login/oidc")  # one of their own is under way: it is another
    assert daemon.query("SELECT count(*) FROM people WHERE name = 'oona'") == [(0,)]


def test_pkce_state_and_nonce_are_new_each_time_and_nothing_secret_is_sent(house: House) -> None:
    daemon, _ = house
    seen: set[str] = set()
    for _ in range(3):
        visitor = Visitor(daemon.url)
        answer = visitor.get("/login/oidc?next=//elsewhere.example")
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert query["code_challenge_method"] == ["S256"]
        assert query["redirect_uri"] == [f"{daemon.url}/login/oidc/answer"]
        assert "client_secret" not in query
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(answer.headers["Set-Cookie"].split("; "))
        fresh = {query[name][0] for name in ("state", "nonce", "code_challenge")}
        assert not seen & fresh
        seen |= fresh
        assert not any(part in visitor.cookies["adt-gateway-sign-in"] for part in fresh)


def test_where_the_provider_is_away_people_are_told_and_local_accounts_work(
    browser: Browser, tmp_path: Path
) -> None:
    """And it is there again without a restart of the gateway."""
    with gateway_with(tmp_path) as (daemon, provider):
        provider.person("pat", "grid-submitters")
        provider.stop()
        with opened(browser, daemon.url) as page:
            page.goto("/login")
            page.get_by_role("link", name="Sign in with Northern Grid").click()
            expect(page.get_by_role("main")).to_contain_text("The sign-in of your organisation does not work")
            sign_in(page, "bob")
            expect(page.get_by_role("banner")).to_contain_text("Signed in as bob")
        provider.start()
        with opened(browser, daemon.url) as page:
            through_the_provider(page, "pat")
            expect(page.get_by_role("banner")).to_contain_text("pat (submitter)")


def test_a_sign_out_at_the_provider_ends_the_session_here(browser: Browser, house: House) -> None:
    """Back-Channel Logout: the provider says which session is over; others go on."""
    daemon, provider = house
    provider.person("quin", "grid-submitters")
    with opened(browser, daemon.url) as other, opened(browser, daemon.url) as page:
        through_the_provider(other, "quin")
        through_the_provider(page, "quin")
        page.goto(f"{provider.issuer}/session/end?client_id=adt-gateway")
        page.get_by_role("button", name="Yes, sign me out").click()
        wait_for("the end", lambda: records(daemon, "quin")[-1]["action"] == "session.ended")
        assert records(daemon, "quin")[-1]["detail"] == {"by": "provider", "issuer": provider.issuer}
        page.goto(f"{daemon.url}/account")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        other.goto(f"{daemon.url}/account")
        expect(other.get_by_role("heading", level=1)).to_have_text("Your account")


def test_local_accounts_can_be_shut_out_of_the_console(browser: Browser, tmp_path: Path) -> None:
    with gateway_with(tmp_path, local_accounts=False) as (daemon, _):
        assert "local_accounts_off" in words(Visitor(daemon.url).sign_in("ada"))
        with opened(browser, daemon.url) as page:
            page.goto("/login")
            expect(page.get_by_label("Password")).to_have_count(0)
            assert_accessible(page)
        assert daemon.as_("ada").get("/api/v1/rates").status == 200  # access tokens are not sign-ins
