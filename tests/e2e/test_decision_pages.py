"""Decisions at the console: what is proposed is seen first, and what is approved is in view, octet by octet."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.api import XML, wait_for
from tests.support.browser import assert_accessible, assert_fits, opened, sign_in
from tests.support.daemon import Daemon
from tests.support.dcc import TestDcc, quarantine
from tests.support.duis_messages import request_id
from tests.support.softhsm import needs_softhsm
from tests.support.visitor import Visitor, words

pytestmark = needs_softhsm

DCC = TestDcc()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("decisions")
    certificates = DCC.write(folder / "certificates")
    (folder / "daemon").mkdir()
    with Daemon(
        folder / "daemon", dcc={"certificates_folder": str(certificates)}, delivery={"channel": "by_hand"}
    ) as running:
        yield running


def hold(daemon: Daemon, event: int, *counters: int) -> None:
    for counter in counters:
        message = DCC.sign(quarantine(request_id(counter), event, at=time.time()))
        assert daemon.as_("adaptor").ask("POST", "/api/v1/dcc-alerts", message, XML).status == 202


def picture(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def looked_at(page: Page, name: str) -> None:
    """Everybody can use the page, on a desk and on a telephone."""
    assert_accessible(page)
    assert_fits(page)
    picture(page, name)


def test_a_decision_from_its_conditions_to_its_end(browser: Browser, gateway: Daemon) -> None:
    hold(gateway, 42, 1, 2, 3)
    with opened(browser, gateway.url) as page:
        sign_in(page, "ana")
        page.goto(f"{gateway.url}/quarantine/decisions")
        expect(page.get_by_text("Nobody has decided")).to_be_visible()
        page.get_by_role("link", name="Decide on held requests").click()
        expect(page.get_by_text("Give at least one condition")).to_be_visible()
        page.get_by_label("Quarantine event").fill("42")
        page.get_by_role("button", name="Find").click()
        expect(page.get_by_role("heading", name="What it covers: 3 requests")).to_be_visible()
        looked_at(page, "propose")
        page.get_by_role("button", name="Propose for 3 requests").click()
        page.get_by_label("Release: the DCC processes them").check()
        page.get_by_label("Reason").fill("our own campaign")
        page.get_by_role("button", name="Propose for 3 requests").click()
        expect(page.get_by_text("waits for a second person to approve it")).to_be_visible()
        expect(page.get_by_role("button", name="Approve")).to_be_disabled()
        number = int(page.url.rpartition("/")[2])
    with opened(browser, gateway.url) as page:
        sign_in(page, "bob")
        page.goto(f"{gateway.url}/files/{number}")  # every file is found by its number
        assert page.url.endswith(f"/quarantine/decisions/{number}")
        content = gateway.as_("bob").get(f"/api/v1/quarantine/decisions/{number}/file").body.decode()
        assert page.locator("pre").inner_text().splitlines() == content.splitlines()
        for counter in (1, 2, 3):
            expect(page.get_by_role("cell", name=request_id(counter))).to_be_visible()
        assert_accessible(page)
        picture(page, "approve")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("You approved it. Its file is signed now.")).to_be_visible()
    with opened(browser, gateway.url, viewport={"width": 360, "height": 800}) as page:
        sign_in(page, "olga")
        page.goto(f"{gateway.url}/quarantine/decisions/{number}")
        assert_accessible(page)
        page.get_by_label("Reference of the receipt that you got").fill("SharePoint 17")
        page.get_by_role("button", name="I handed it over").click()
        expect(page.get_by_text("receipt SharePoint 17")).to_be_visible()
        page.get_by_role("checkbox", name="2", exact=True).check()
        page.get_by_label("How you know").fill("the SSI says so")
        page.get_by_role("button", name="They have ended").click()
        expect(page.get_by_text("1 of 3 requests have ended")).to_be_visible()
        looked_at(page, "ends")
        page.get_by_label("How you know").fill("the SSI says so")
        page.get_by_label("All requests that have not ended").check()
        page.get_by_role("button", name="They have ended").click()
        expect(page.locator("#state")).to_have_text("ended")
        page.goto(f"{gateway.url}/quarantine/decisions")
        looked_at(page, "list")


def signed_in(daemon: Daemon, name: str) -> Visitor:
    visitor = Visitor(daemon.url)
    assert visitor.sign_in(name).status == 303
    return visitor


def test_who_proposes_what_somebody_else_took_is_shown_what_is_left(gateway: Daemon) -> None:
    hold(gateway, 50, 11, 12)
    ana, olga = signed_in(gateway, "ana"), signed_in(gateway, "olga")
    seen = gateway.as_("ana").ask("POST", "/api/v1/quarantine/preview", b'{"event_ref": "50"}').json["seen"]
    fields = {"event": "50", "action": "RELEASE", "reason": "ours", "seen": seen}
    assert ana.post("/quarantine/decisions/new", fields).status == 303
    late = olga.post("/quarantine/decisions/new", fields | {"action": "DELETE"})
    assert late.status == 409
    assert "Nothing was done" in words(late)
    assert "No held request matches" in words(late)
    hold(gateway, 50, 13)
    changed = olga.post("/quarantine/decisions/new", fields)
    assert (changed.status, "What it covers: 1 request" in words(changed)) == (409, True)


def test_who_waits_longer_than_they_may_is_marked(gateway: Daemon) -> None:
    hold(gateway, 70, 31)
    ana = signed_in(gateway, "ana")
    assert "over the limit" not in words(ana.get("/quarantine/decisions/new?event=70"))
    gateway.change("UPDATE quarantined SET received_at_ms = received_at_ms - 15000000 WHERE event_ref = '70'")
    assert "over the limit" in words(ana.get("/quarantine/decisions/new?event=70"))


def test_what_is_missing_is_said_at_its_field(gateway: Daemon) -> None:
    hold(gateway, 60, 21)
    ana = signed_in(gateway, "ana")
    without = ana.post("/quarantine/decisions/new", {"event": "60", "reason": "ours"})
    assert (without.status, "Choose whether the requests are released or deleted" in words(without)) == (
        422,
        True,
    )
    silent = ana.post("/quarantine/decisions/new", {"event": "60", "action": "DELETE", "reason": " "})
    assert (silent.status, b'id="reason-fault"' in silent.body) == (422, True)
    made = ana.post("/quarantine/decisions/new", {"event": "60", "action": "DELETE", "reason": "not ours"})
    path = made.headers["Location"]
    bob = signed_in(gateway, "bob")
    assert bob.post(f"{path}/reject", {"reason": ""}).status == 422
    assert bob.post(f"{path}/reject", {"reason": "wait"}).headers["Location"] == path
    late = bob.post(f"{path}/approve")
    assert (late.status, "Nothing was done" in words(late)) == (409, True)
    held = wait_for(
        "the request", lambda: gateway.query("SELECT state FROM quarantined WHERE event_ref = '60'")
    )
    assert held == [("held",)]


def test_whoever_approves_is_told_how_many_were_not_seen_leaving(gateway: Daemon) -> None:
    hold(gateway, 80, 41, 42)
    fields = {"event": "80", "action": "RELEASE", "reason": "ours"}
    made = signed_in(gateway, "ana").post("/quarantine/decisions/new", fields)
    shown = words(signed_in(gateway, "bob").get(made.headers["Location"]))
    assert "2 of these were not seen leaving" in shown
    assert shown.count("not seen leaving") == 3  # above the list, and at each request
