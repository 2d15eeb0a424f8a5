"""Incidents, overview and audit chain in a real browser, with script and without; everybody can use every page."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.support.api import header_line, wait_for
from tests.support.browser import assert_accessible, assert_fits, needs_chromium, opened, sign_in
from tests.support.daemon import Daemon, row

pytestmark = needs_chromium

SENT = 70


@pytest.fixture(scope="module")
def breached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon with a silent source (1), a warning (2) that a quarantine (3) followed."""
    folder = tmp_path_factory.mktemp("breached")
    with Daemon(folder, silence={"http_seconds": 1}) as daemon:
        wait_for("the silence", daemon.incidents)
        daemon.put_in_force(row(2, 4))
        daemon.submit(row(3, 5), name="waiting.csv")
        daemon.as_("adaptor").send_lines([header_line(number) for number in range(SENT)])
        wait_for("the incidents", lambda: len(daemon.incidents()) >= 3)
        about = ["--kind", "threshold", "--for", "2h", "--planned-work", "--reason", "CHG-7 firmware"]
        assert daemon.as_("olga").cli("silences", "add", *about).returncode == 0
        yield daemon


@pytest.mark.parametrize(
    "path",
    [
        "/overview",
        "/incidents",
        "/incidents?state=all&text=nothing+of+the+kind",
        "/incidents/1",
        "/incidents/2",
        "/incidents/3",
        "/incidents/3?page=2",
        "/alerts",
        "/alerts?state=sent",
        "/silences",
        "/silences/new",
        "/silences/1",
        "/quarantine",
        "/quarantine/decisions",
        "/quarantine/decisions/new",
        "/audit",
        "/audit/30",
        "/token",
        "/settings",
        "/help",
    ],
)
def test_everybody_can_use_a_page(browser: Browser, breached: Daemon, path: str) -> None:
    """axe-core finds nothing, in light and dark, and nothing is wider than a telephone."""
    with opened(browser, breached.url) as page:
        sign_in(page, "olga")
        page.goto(path)
        assert_accessible(page)
        assert_fits(page)


def test_who_may_not_see_a_page_is_told_so_on_one(browser: Browser, breached: Daemon) -> None:
    with opened(browser, breached.url) as page:
        sign_in(page, "sam")
        expect(page.get_by_role("link", name="Settings")).to_have_count(0)
        page.goto("/settings")
        expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")
        assert_accessible(page)


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_an_incident_is_worked_from_the_list_to_its_closing(
    browser: Browser, own_daemon: Daemon, script: bool
) -> None:
    own_daemon.put_in_force(row(1, 2))
    own_daemon.as_("adaptor").send_lines([header_line(number) for number in range(9)])
    wait_for("the breach", lambda: len(own_daemon.incidents()) >= 2)
    with opened(browser, own_daemon.url, java_script_enabled=script) as page:
        sign_in(page, "ana")
        page.get_by_role("link", name="Open incidents to look at: 1").click()
        page.get_by_label("Level").select_option("quarantine")
        page.get_by_role("button", name="Find").click()
        page.wait_for_url("**level=quarantine*")
        page.get_by_role("link", name="2", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Breach of a threshold")
        expect(page.get_by_label("What happened")).to_contain_text("the limit is 2")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download all 7 as CSV").click()
        assert download.value.suggested_filename == "incident-2-excess.csv"
        page.get_by_role("link", name="What comes next").click()
        step = page.locator("form[action$='/step']")
        step.get_by_label("Expected work").check()
        step.get_by_label("Reason").fill(" ")
        step.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_contain_text("Say why")
        if script:
            assert_accessible(page)
        step.get_by_label("Expected work").check()
        step.get_by_label("Reason").fill("a known campaign")
        step.get_by_role("button").click()
        step.get_by_label("Close: nothing").check()
        step.get_by_label("Reason").fill("nothing more to do")
        step.get_by_role("button").click()
        expect(page.get_by_role("status")).to_be_visible()
        expect(page.locator("#main")).to_contain_text("a known campaign")
        page.goto("/incidents")
        expect(page.locator("#main")).to_contain_text("No candidate incident is open.")
    assert own_daemon.actions("incident/2")[-1] == "incident.closed"


def test_the_overview_changes_while_somebody_looks(browser: Browser, own_daemon: Daemon) -> None:
    own_daemon.put_in_force(row(1, 2))
    with opened(browser, own_daemon.url) as page:
        sign_in(page, "bob")
        expect(page.locator("#open")).to_contain_text("No incident is open.")
        expect(page.locator("#waiting")).to_contain_text("Nothing waits for you.")
        own_daemon.as_("adaptor").send_lines([header_line(number) for number in range(9)])
        expect(page.locator("#open")).to_contain_text("Breach of a threshold")
        # Whose silence nobody would be told of is not said to speak.
        expect(page.locator("#sources")).to_contain_text("not watched")
        own_daemon.submit(row(3, 5), name="waiting.csv")
        expect(page.locator("#waiting")).to_contain_text("ADT files to approve or reject: 1")
        expect(page.locator("#open time").first).to_have_attribute("title", re.compile("20"))


def test_a_page_that_is_followed_says_when_it_is_not_current_and_why(
    browser: Browser, own_daemon: Daemon
) -> None:
    with opened(browser, own_daemon.url) as page:
        sign_in(page, "olga")
        expect(page.locator("#health")).to_contain_text("ready")
        notice = page.locator("#not-current")
        assert own_daemon.stop() == 0
        expect(notice).to_contain_text("This page is not current: the gateway does not answer. It shows how")
        assert_accessible(page)
        own_daemon.set("http", port=urlsplit(own_daemon.url).port)
        own_daemon.start()
        expect(notice).to_have_count(0, timeout=20_000)
        page.context.clear_cookies()
        own_daemon.put_in_force(row(2, 4))
        expect(notice).to_contain_text("your session has ended", timeout=20_000)
        notice.get_by_role("link", name="Look again").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


@pytest.mark.parametrize(
    ("path", "label"), [("/quarantine", "Incident"), ("/quarantine/pm-11", "Month, UTC")]
)
def test_a_condition_that_is_none_stays_where_it_was_typed(
    browser: Browser, breached: Daemon, path: str, label: str
) -> None:
    with opened(browser, breached.url) as page:
        sign_in(page, "olga")
        page.goto(path)
        page.get_by_label(label, exact=True).fill("none")
        page.get_by_label(label, exact=True).press("Enter")
        expect(page.locator("input:invalid")).to_have_value("none")
        expect(page).to_have_url(re.compile(f"{path}$"))


def test_the_chain_is_verified_while_somebody_looks(browser: Browser, own_daemon: Daemon) -> None:
    with opened(browser, own_daemon.url) as page:
        sign_in(page, "adam")
        page.goto("/audit")
        page.get_by_role("button", name="Verify now").click()
        expect(page.locator("#verification")).to_contain_text("intact")
        expect(page.locator("#verification")).to_contain_text("by adam")
        assert_accessible(page)


def test_without_script_the_chain_is_verified_and_looked_at_again(
    browser: Browser, own_daemon: Daemon
) -> None:
    with opened(browser, own_daemon.url, java_script_enabled=False) as page:
        sign_in(page, "adam")
        page.goto("/audit")
        page.get_by_role("button", name="Verify now").click()
        wait_for(
            "the verdict", lambda: page.goto("/audit") and page.get_by_text("intact", exact=True).count()
        )
        expect(page.locator("#verification")).to_contain_text("by adam")


def test_the_way_through_the_list_needs_no_mouse(browser: Browser, breached: Daemon) -> None:
    with opened(browser, breached.url) as page:
        sign_in(page, "ana")
        page.goto("/incidents")
        page.get_by_label("Words or number").focus()
        page.keyboard.type("silent")
        page.keyboard.press("Enter")
        page.wait_for_url("**text=silent*")
        page.goto("/incidents?text=quarantine")
        page.get_by_role("link", name="3", exact=True).focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/incidents/3")
