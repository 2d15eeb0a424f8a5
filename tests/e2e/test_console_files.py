"""ADT files in a real browser: mended, submitted, approved by somebody else, signed, downloaded and verified."""

import re
import subprocess
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.adt import HEADER, adt_text
from tests.support.browser import assert_accessible, assert_fits, needs_chromium, opened, sign_in
from tests.support.daemon import Daemon, row
from tests.support.past import give_past, kind
from tests.support.with_people import SUPPLIER

pytestmark = needs_chromium

EVIL = "<img src=x onerror=alert(1)>"


def paste(page: Page, text: str, name: str = "") -> None:
    page.goto("/files/new")
    page.get_by_label("Or its text").fill(text)
    if name:
        page.get_by_label("Name of the file").fill(name)


def submit(page: Page) -> None:
    page.get_by_role("button", name="Submit", exact=True).click()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_faulty_file_is_mended_where_it_was_pasted(browser: Browser, daemon: Daemon, script: bool) -> None:
    warning = "61" if script else "62"
    good = row(int(warning), 100)
    bad = [*good[:4], "many", *good[5:]]
    with opened(browser, daemon.url, java_script_enabled=script) as page:
        sign_in(page, "alice")
        paste(page, adt_text([bad]), "mended.csv")
        submit(page)
        summary = page.get_by_role("alert")
        expect(summary).to_contain_text("There is a problem")
        summary.get_by_role("link", name="Line 2, column 5 WarningThreshold").click()
        expect(page).to_have_url(re.compile("#line-2$"))
        expect(page.locator("#line-2 mark").first).to_contain_text("many")
        page.set_viewport_size({"width": 360, "height": 740})
        remedy = page.locator(".fault", has_text="many").last.bounding_box()
        assert remedy is not None
        assert remedy["x"] + remedy["width"] <= 360  # it is read without moving the table
        text = page.get_by_label("Or its text")
        expect(text).to_have_value(re.compile(HEADER))
        text.fill(text.input_value().replace("many", warning))
        page.get_by_role("button", name="Check only").click()
        expect(page.locator(".done")).to_contain_text("has no faults: 1 row")
        submit(page)
        expect(page.locator(".done")).to_contain_text("is submitted. A second person must approve it.")
        expect(page.get_by_role("heading", level=1)).to_have_text("mended.csv")


def test_a_file_that_is_chosen_after_a_faulty_one_has_its_own_name(browser: Browser, daemon: Daemon) -> None:
    def choose(page: Page, name: str, data: bytes) -> None:
        page.get_by_label("File", exact=True).set_input_files(
            {"name": name, "mimeType": "text/csv", "buffer": data}
        )
        submit(page)

    with opened(browser, daemon.url) as page:
        sign_in(page, "alice")
        page.goto("/files/new")
        choose(page, "empty.csv", b"")
        expect(page.get_by_role("alert")).to_contain_text("empty.csv is empty")
        choose(page, "latin.csv", adt_text([row(64, 100, service="7.\xe9")]).encode("latin-1"))
        expect(page.get_by_role("alert")).to_contain_text("not of the file's encoding")
        expect(page.get_by_text("Mend the file and choose it again.")).to_be_visible()
        expect(page.get_by_label("Name of the file")).to_have_value("latin.csv")
        choose(page, "mended.csv", adt_text([row(64, 100)]).encode())
        expect(page).to_have_title(re.compile("^ADT file [0-9]+: mended.csv"))
        page.goto("/files/new")
        page.get_by_label("Name of the file").fill("typed.csv")
        choose(page, "empty.csv", b"")
        choose(page, "other.csv", adt_text([row(65, 101)]).encode())
        expect(page.get_by_role("heading", level=1)).to_have_text("typed.csv")


def test_a_file_is_approved_by_another_signed_and_what_the_browser_gets_verifies(
    browser: Browser, daemon: Daemon, tmp_path: Path
) -> None:
    source = tmp_path / "chosen.csv"
    source.write_text(adt_text([row(63, 100)]))
    with opened(browser, daemon.url) as page:
        sign_in(page, "alice")
        page.goto("/files/new")
        page.get_by_label("File", exact=True).set_input_files(source)
        submit(page)
        address = page.url
        expect(page.get_by_role("button", name="Approve")).to_be_disabled()
        expect(page.locator("#why-not-approve")).to_have_text(
            "You submitted this file; a second person must approve it."
        )
    with opened(browser, daemon.url) as page:
        sign_in(page, "bob")
        page.get_by_role("link", name="Approve", exact=True).click()
        page.get_by_role("row", name="chosen.csv").get_by_role("link", name="chosen.csv", exact=True).click()
        expect(page).to_have_url(address)
        page.get_by_role("button", name="Approve").click()
        expect(page.locator(".done")).to_contain_text("You approved it. It is delivered now.")
        for name in ("chosen.csv", "chosen.csv.p7s", "chosen.csv.receipt.json"):
            with page.expect_download() as download:
                page.get_by_role("link", name=name, exact=True).click()
            download.value.save_as(tmp_path / "got" / name)
        page.go_back()  # to the same page as it was before the approval, but as things are now
        expect(page.locator("#state")).to_have_text("delivered")
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    got = tmp_path / "got"
    assert (got / "chosen.csv").read_bytes() == source.read_bytes()
    trust = daemon.ready_token.trust_file
    verify = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any"]
    files: list[str | Path] = [
        "-in",
        got / "chosen.csv.p7s",
        "-content",
        got / "chosen.csv",
        "-CAfile",
        trust,
    ]
    subprocess.run([*verify, *files, "-out", tmp_path / "out"], check=True)
    assert (tmp_path / "out").read_bytes() == source.read_bytes()


def test_two_browsers_at_the_same_approval_one_wins_and_the_other_is_told(
    browser: Browser, daemon: Daemon
) -> None:
    number = daemon.submit(row(64, 100))
    with opened(browser, daemon.url) as first, opened(browser, daemon.url) as second:
        for page, name in ((first, "bob"), (second, "carol")):
            sign_in(page, name)
            page.goto(f"/files/{number}")
        first.get_by_role("button", name="Approve").click()
        expect(first.locator(".done")).to_contain_text("You approved it")
        second.get_by_role("button", name="Approve").click()
        alert = second.get_by_role("alert")
        expect(alert).to_contain_text("Nothing was done: bob approved it at")
        expect(second.get_by_role("button", name="Approve")).to_have_count(0)
        assert_accessible(second)


def test_a_session_that_ends_in_the_middle_gives_back_what_was_pasted(
    browser: Browser, daemon: Daemon
) -> None:
    text = adt_text([row(65, 100)])
    with opened(browser, daemon.url) as page:
        sign_in(page, "alice")
        paste(page, text)
        page.context.clear_cookies()
        submit(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Your session has ended")
        kept = page.get_by_label("What you sent").input_value()
        assert kept == text
        assert_accessible(page)
        page.get_by_role("main").get_by_role("link", name="sign in").click()
        page.get_by_label("Name").fill("alice")
        page.get_by_label("Password").fill("grey heron over the lake")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Or its text").fill(kept)
        submit(page)
        expect(page.locator(".done")).to_contain_text("is submitted")


def test_back_after_a_fault_keeps_what_was_pasted(browser: Browser, daemon: Daemon) -> None:
    with opened(browser, daemon.url) as page:
        sign_in(page, "alice")
        paste(page, "nothing of a file")
        submit(page)
        expect(page.get_by_role("alert")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("Submit an ADT file")
        submit_again = page.get_by_label("Or its text")
        submit_again.fill(adt_text([row(66, 100)]))
        submit(page)
        expect(page.locator(".done")).to_contain_text("is submitted")


def test_a_file_is_dropped_where_it_may_be_chosen(browser: Browser, daemon: Daemon) -> None:
    with opened(browser, daemon.url) as page:
        sign_in(page, "alice")
        page.goto("/files/new")
        dropped = page.evaluate_handle(
            """text => { const data = new DataTransfer();
            data.items.add(new File([text], "dropped.csv", {type: "text/csv"})); return data; }""",
            adt_text([row(67, 100)]),
        )
        page.dispatch_event("[data-drop]", "dragover", {"dataTransfer": dropped})
        expect(page.locator("[data-drop]")).to_have_class(re.compile("over"))
        page.dispatch_event("[data-drop]", "drop", {"dataTransfer": dropped})
        expect(page.locator("[data-drop]")).not_to_have_class(re.compile("over"))
        submit(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("dropped.csv")


def test_hostile_names_and_cells_run_nothing(browser: Browser, daemon: Daemon, tmp_path: Path) -> None:
    hostile = tmp_path / "<img src=x onerror=alert(1)>.csv"
    hostile.write_text(f"{HEADER}\n{EVIL},{EVIL},7.4,PT1H,1,2,2026-12-01T00:00:00Z,\n")
    with opened(browser, daemon.url) as page:
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        sign_in(page, "alice")
        page.goto("/files/new")
        page.get_by_label("File", exact=True).set_input_files(hostile)
        submit(page)
        expect(page.get_by_role("alert")).to_contain_text(EVIL)
        page.get_by_label("Name of the file").fill("hostile.csv")
        submit(page)
        expect(page.locator("#line-2")).to_contain_text(EVIL)
        assert page.locator("main img").count() == 0
        assert_accessible(page)


def test_what_it_would_have_done_comes_by_itself_and_holds_no_approval_back(
    browser: Browser, own_daemon: Daemon
) -> None:
    own_daemon.put_in_force(row(300, 400))
    now = int(time.time()) // 60 * 60
    give_past(own_daemon, kind(SUPPLIER), now - 2 * 86_400, [3 if n % 700 else 150 for n in range(2 * 1440)])
    number = own_daemon.submit(row(200, 320), name="past.csv")
    with opened(browser, own_daemon.url) as page:
        sign_in(page, "bob")
        page.goto(f"/files/{number}")
        expect(page.get_by_role("button", name="Approve")).to_be_enabled()
        found = page.locator('#backtest[data-progress="done"]')
        expect(found).to_contain_text("with this file", timeout=60_000)
        expect(found.get_by_role("row", name=re.compile("Read Supply Status"))).to_contain_text("327")
        # A reader hears the first sentences once it is worked out, not the table.
        expect(page.locator("[aria-live] table, [role=status] table")).to_have_count(0)
        heard = page.locator("#backtest-said")
        expect(heard).to_contain_text(
            "with this file 1 warning, 5 quarantines; with what is in force now 5 warnings"
        )
        assert_accessible(page)
        assert_fits(page)
    with opened(browser, own_daemon.url, java_script_enabled=False) as page:
        sign_in(page, "carol")
        page.goto(f"/files/{number}")
        page.get_by_role("link", name="Try its changes on the recorded history").click()
        expect(page.locator("#backtest")).to_contain_text("with this file")


def test_a_backtest_that_fails_says_why_and_never_zero(browser: Browser, own_daemon: Daemon) -> None:
    number = own_daemon.submit(row(200, 320))
    own_daemon.change("ALTER TABLE history RENAME TO history_gone")
    with opened(browser, own_daemon.url) as page:
        sign_in(page, "bob")
        page.goto(f"/files/{number}")
        failed = page.locator('#backtest[data-progress="failed"]')
        expect(failed).to_contain_text(
            "It could not be worked out. Its process ended with status 1: the", timeout=60_000
        )
        expect(failed.get_by_role("row")).to_have_count(0)
        page.get_by_role("button", name="Approve").click()
        expect(page.locator(".done")).to_contain_text("You approved it")


@pytest.mark.parametrize(
    "path",
    [
        "/files",
        "/files?state=waiting",
        "/files/new",
        "/approve",
        "/files/{number}",
        "/files/{number}/backtest",
    ],
)
def test_everybody_can_use_a_page(browser: Browser, daemon: Daemon, path: str) -> None:
    """axe-core finds nothing, and nothing is wider than a telephone."""
    number = daemon.submit(row(68, 100 + int(time.time() * 1000) % 100_000), by="sam")
    with opened(browser, daemon.url) as page:
        sign_in(page, "dora")
        page.goto(path.format(number=number))
        assert_accessible(page)
        assert_fits(page)
