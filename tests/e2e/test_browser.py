"""The console in a real browser: signing in and out, with and without script, for everybody who uses it."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import assert_accessible, needs_chromium, opened, sign_in
from tests.support.daemon import Daemon

pytestmark = needs_chromium

WIDTH = 360
SIGN_IN = re.compile("^Sign in .* ADT Gateway$")


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_somebody_signs_in_and_out(browser: Browser, daemon: Daemon, script: bool) -> None:
    with opened(browser, daemon.url, java_script_enabled=script) as page:
        page.goto("/people")
        expect(page).to_have_title(SIGN_IN)
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong")
        sign_in(page, "ada")
        expect(page.get_by_role("banner")).to_contain_text("Signed in as ada (admin)")
        page.get_by_role("link", name="People").click()
        page.get_by_role("link", name="alice").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("alice")
        page.get_by_role("button", name="Sign out").click()
        page.goto("/people")
        expect(page).to_have_title(SIGN_IN)


def test_after_a_wrong_attempt_one_is_led_to_where_one_wanted(browser: Browser, daemon: Daemon) -> None:
    with opened(browser, daemon.url) as page:
        page.goto("/people/alice?x=1")
        for password in ("wrong", "grey heron over the lake"):
            page.get_by_label("Name").fill("ada")
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/people/alice?x=1")


@pytest.mark.parametrize(
    "path", ["/", "/account", "/account/password", "/people", "/people/alice", "/people/nobody", "/nothing"]
)
def test_everybody_can_use_a_page(browser: Browser, daemon: Daemon, path: str) -> None:
    """axe-core finds nothing, and nothing is wider than a telephone."""
    with opened(browser, daemon.url) as page:
        sign_in(page, "ada")
        page.goto(path)
        assert_accessible(page)
        page.set_viewport_size({"width": WIDTH, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH


def test_everybody_can_use_the_way_in_and_forms_with_faults(browser: Browser, daemon: Daemon) -> None:
    with opened(browser, daemon.url) as page:
        page.goto("/login")
        assert_accessible(page)
        sign_in(page, "ada", "wrong")
        assert_accessible(page)
        sign_in(page, "ada")
        page.goto("/people")
        page.get_by_label("Name").fill("Not A Name")
        page.get_by_role("button", name="Add the person").click()
        expect(page.get_by_role("alert")).to_be_focused()
        assert_accessible(page)
        page.get_by_role("alert").get_by_role("link").click()
        expect(page.get_by_label("Name")).to_be_focused()


def test_a_new_person_chooses_a_password_before_anything_else(browser: Browser, own_daemon: Daemon) -> None:
    with opened(browser, own_daemon.url) as page:
        sign_in(page, "ada")
        page.goto("/people")
        page.get_by_label("Name").fill("nell")
        page.get_by_label("analyst").check()
        page.get_by_role("button", name="Add the person").click()
        expect(page.get_by_role("status")).to_contain_text("nell is added")
        page.get_by_role("button", name="Give a password").click()
        given = page.locator(".secret code").text_content() or ""
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, "nell", given)
        page.goto("/account")
        expect(page.get_by_role("heading", level=1)).to_have_text("Change your password")
        page.get_by_label("Present password").fill(given)
        for label in ("New password", "New password again"):
            page.get_by_label(label, exact=True).fill("four quiet geese at dawn")
        page.get_by_role("button", name="Change the password").click()
        expect(page.get_by_role("status")).to_contain_text("Your password is changed")


def test_times_and_copies_are_helped_where_script_runs(browser: Browser, daemon: Daemon) -> None:
    with opened(browser, daemon.url, timezone_id="Asia/Tokyo", locale="en-GB") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        sign_in(page, "alice")
        page.goto("/account")
        began = page.locator("time").first
        expect(began).to_contain_text("UTC")
        expect(began).to_have_attribute("title", re.compile("GMT\\+9|JST"))
        page.get_by_role("button", name="Issue the token").click()
        page.get_by_role("button", name="Copy access token").click()
        expect(page.locator(".copy")).to_contain_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == page.locator(".secret code").text_content()
