"""The pages of quarantine in a real browser: everybody can use them, with script and without."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import assert_accessible, needs_chromium, opened, sign_in
from tests.support.daemon import Daemon
from tests.support.quarantined_daemon import quarantined_daemon
from tests.support.softhsm import needs_softhsm

pytestmark = [needs_chromium, needs_softhsm]

WIDTH = 360


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with quarantined_daemon(tmp_path_factory.mktemp("quarantine")) as running:
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/quarantine",
        "/quarantine?state=all&event=99",
        "/quarantine/alerts",
        "/quarantine/alerts/1",
        "/quarantine/alerts/4",
        "/quarantine/differences",
        "/quarantine/pm-11",
        "/quarantine/pm-11?month=1999-01",
    ],
)
def test_everybody_can_use_a_page(browser: Browser, daemon: Daemon, path: str) -> None:
    """axe-core finds nothing, in light and dark, and nothing is wider than a telephone."""
    with opened(browser, daemon.url) as page:
        sign_in(page, "olga")
        page.goto(path)
        assert_accessible(page)
        page.set_viewport_size({"width": WIDTH, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH


def test_dsp_pm_11_is_read_on_a_telephone_without_scrolling_sideways(
    browser: Browser, daemon: Daemon
) -> None:
    with opened(browser, daemon.url, viewport={"width": WIDTH, "height": 740}) as page:
        sign_in(page, "olga")
        page.goto("/quarantine/pm-11")
        expect(page.get_by_role("row")).to_have_count(3)  # each row is one to a screen reader, stacked or not
        assert_accessible(page)
        for width in (WIDTH, 1280):
            page.set_viewport_size({"width": width, "height": 740})
            wide = (
                "[...document.querySelectorAll('.scroll')].some((box) => box.scrollWidth > box.clientWidth)"
            )
            assert not page.evaluate(wide)


def test_from_the_list_to_why_an_alert_is_not_believed_without_script(
    browser: Browser, daemon: Daemon
) -> None:
    with opened(browser, daemon.url, java_script_enabled=False) as page:
        sign_in(page, "ana")
        page.get_by_role("link", name="Quarantine", exact=True).click()
        expect(page.get_by_role("row")).to_have_count(4)
        page.get_by_label("Our own count").select_option("unknown")
        page.get_by_role("button", name="Find").click()
        expect(page.get_by_role("row")).to_have_count(2)
        page.get_by_role("link", name="Look at them").click()
        page.get_by_role("row").nth(1).get_by_role("link").click()
        expect(page.get_by_text("This alert is not believed.")).to_be_visible()
        expect(page.get_by_text("The message has no signature")).to_be_visible()


def test_from_what_is_held_to_a_decision_on_exactly_that(browser: Browser, daemon: Daemon) -> None:
    """One request, or all that is listed; never more than the list shows, and nothing for whom may not decide."""
    with opened(browser, daemon.url, java_script_enabled=False) as page:
        sign_in(page, "ana")
        page.goto("/quarantine?event=42")
        page.get_by_role("link", name="Decide on all").click()
        expect(page.get_by_role("heading", name="What it covers: 1 request")).to_be_visible()
        page.goto("/quarantine?matched=unknown")  # a decision knows no such condition
        expect(page.get_by_role("link", name="Decide on all")).to_have_count(0)
        page.get_by_role("checkbox", name="Decide on request").check()
        page.get_by_role("button", name="Decide on those ticked").click()
        expect(page.get_by_role("heading", name="What it covers: 1 request")).to_be_visible()
        expect(page.get_by_text("1 of these was not seen leaving")).to_be_visible()
        page.goto("/quarantine/decisions/new")
        page.get_by_role("link", name="See what is held").click()
        expect(page).to_have_title(re.compile("Quarantine"))
    with opened(browser, daemon.url) as page:
        sign_in(page, "adam")
        page.goto("/quarantine")
        expect(page.get_by_role("link", name=re.compile("[Dd]ecide on"))).to_have_count(0)
        expect(page.get_by_role("checkbox")).to_have_count(0)


def test_a_decision_by_service_says_what_it_leaves_out_because_the_service_is_not_known(
    browser: Browser, daemon: Daemon
) -> None:
    """Of three held requests one was not seen leaving: nobody knows its service."""
    with opened(browser, daemon.url, java_script_enabled=False) as page:
        sign_in(page, "ana")
        page.goto("/quarantine/decisions/new?service=7.4")
        expect(page.get_by_role("heading", name="What it covers: 2 requests")).to_be_visible()
        expect(page.get_by_text("1 more held request matches otherwise")).to_be_visible()
    asked = daemon.as_("ana").cli(
        "quarantine", "decide", "release", "--service", "7.4", "--reason", "our own campaign"
    )
    assert "1 more request left out: the service is not known" in asked.stderr
    assert asked.returncode != 0, "nobody confirmed it"


def test_requests_are_ticked_in_the_list_and_decided_without_script(browser: Browser, daemon: Daemon) -> None:
    """The list leads to the proposal on exactly those ticked; then to the decision, which the approver finds."""
    with opened(browser, daemon.url, java_script_enabled=False) as page:
        sign_in(page, "ana")
        page.goto("/quarantine")
        page.get_by_role("checkbox", name="Decide on request 1").check()
        page.get_by_role("checkbox", name="Decide on request 3").check()
        page.get_by_role("button", name="Decide on those ticked").click()
        expect(page.get_by_role("heading", name="What it covers: 2 requests")).to_be_visible()
        page.get_by_label("Delete: the DCC drops them").check()
        page.get_by_label("Reason").fill("not ours")
        page.get_by_role("button", name="Propose for 2 requests").click()
        number = int(page.url.rpartition("/")[2])
        page.goto("/quarantine?state=decided")
        expect(page.get_by_role("checkbox")).to_have_count(0)
        expect(page.get_by_role("link", name=f"in decision {number}")).to_have_count(2)
    with opened(browser, daemon.url) as page:
        sign_in(page, "bob")
        page.goto("/approve")
        assert_accessible(page)
        page.get_by_role("link", name=f"Look and decide on decision {number}").click()
        expect(page.get_by_role("button", name="Approve")).to_be_enabled()
        page.goto("/quarantine")
        expect(page.get_by_role("checkbox")).to_have_count(0)  # who may not decide is offered none


def test_an_incident_leads_to_the_requests_that_are_held(browser: Browser, daemon: Daemon) -> None:
    for kind, rows in (("dcc_quarantine", 2), ("unknown_request", 2)):
        number = next(each["id"] for each in daemon.incidents() if each["kind"] == kind)
        with opened(browser, daemon.url) as page:
            sign_in(page, "ana")
            page.goto(f"/incidents/{number}")
            page.get_by_role("link", name="The requests that are held").click()
            expect(page.get_by_role("row")).to_have_count(rows)


def test_the_command_line_says_what_to_do_about_a_request_that_was_not_seen_leaving(daemon: Daemon) -> None:
    number = next(each["id"] for each in daemon.incidents() if each["kind"] == "unknown_request")
    shown = daemon.as_("ana").cli("incidents", "show", str(number)).stdout
    assert "do not release them. Then: adt-gateway incidents acknowledge" in shown
