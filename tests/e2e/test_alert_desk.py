"""People see how the channels do, test them, and send dead letters anew: over the API, the command line and the page."""

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.all_channels import AllChannels
from tests.support.api import header_line, wait_for
from tests.support.browser import assert_accessible, assert_fits, needs_chromium, opened, sign_in
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm

GONE = "old-soc"
"""A channel that was taken out of the settings."""
TROUBLE = "receiver_certificate: nothing was sent to https://collector.soc.example:6514: its certificate is not trusted"


@pytest.fixture
def breached(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as daemon:
        daemon.put_in_force(row(2, 4))
        daemon.as_("adaptor").send_lines([header_line(number) for number in range(3)])
        sent(daemon, 1)
        yield daemon


def sent(daemon: Daemon, times: int) -> None:
    """Wait until so many were taken, and that is on record."""
    wait_for("the alert", lambda: daemon.metric("alerts_sent_total", "file") == times)


def lines(daemon: Daemon) -> list[dict[str, object]]:
    path = daemon.data / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def bury(daemon: Daemon) -> None:
    """Make dead letters of what was sent, as if the channel had refused it."""
    with closing(sqlite3.connect(daemon.data / "gateway.sqlite", timeout=10)) as store, store:
        store.execute("UPDATE outbox SET sent_at = NULL, dead_at = 1700000000, last_error = 'too_long: <b>'")


def leave(daemon: Daemon) -> None:
    """Leave an alert that waits and a dead letter for a channel that the settings do not have any more."""
    columns = "incident_id, message, created_at, next_attempt_at"
    for dead_at in (None, 1_700_000_000):
        daemon.change(
            f"INSERT INTO outbox (channel, dead_at, last_error, attempts, {columns}) SELECT ?, ?, ?, 7, {columns} FROM outbox WHERE channel = 'file'",
            GONE,
            dead_at,
            TROUBLE,
        )


def test_a_test_reaches_the_other_side_and_goes_on_record(breached: Daemon) -> None:
    result = breached.as_("ana").cli("alerts", "test")
    assert (result.returncode, result.stdout.startswith("file: taken; written to")) == (0, True)
    mode = stat.S_IMODE((breached.data / "alerts.jsonl").stat().st_mode)
    assert mode & 0o007 == 0, "owner and group alone can read it"
    alert = lines(breached)[-1]
    assert (alert["event"], alert["incident"], alert["facts"], alert["by"]) == ("test", 0, None, "ana")
    assert breached.actions("channel/file") == ["channel.tested"]
    assert breached.as_("ana").cli("alerts", "test", "pager").returncode == 1


def test_a_test_that_fails_says_why_and_does_not_make_the_gateway_unready(breached: Daemon) -> None:
    file = breached.data / "alerts.jsonl"
    file.rename(file.with_suffix(".kept"))
    file.mkdir()
    answer = breached.as_("olga").post("/api/v1/channels/file/test")
    assert (answer.status, answer.json["taken"]) == (200, False)
    assert "Is a directory" in answer.json["message"]
    assert answer.json["remedy"]
    assert breached.as_("olga").cli("alerts", "test", "file").returncode == 1
    ready = breached.stranger().get("/readyz")
    assert ready.status == 200
    (part,) = [part for part in ready.json["parts"] if part["part"] == "channel_file"]
    assert (part["works"], part["needed"]) == (False, False)
    (channel,) = breached.as_("adam").get("/api/v1/alerts").json["channels"]
    assert (channel["works"], "Is a directory" in channel["trouble"]) == (False, True)


def test_dead_letters_are_seen_and_sent_anew_with_the_same_id(breached: Daemon) -> None:
    bury(breached)
    assert breached.metric("alerts_dead", "file") == 1
    listed = breached.as_("adam").cli("alerts", "--json")
    (alert,) = json.loads(listed.stdout)["alerts"]
    assert (alert["state"], alert["last_error"], alert["incident_id"]) == ("dead", "too_long: <b>", 1)
    assert breached.as_("adam").cli("alerts", "resend", str(alert["id"])).returncode == 5
    assert breached.as_("ana").cli("alerts", "resend", str(alert["id"])).returncode == 0
    sent(breached, 2)
    first, second = lines(breached)
    assert first == second
    assert first["id"] == alert["alert_id"]
    assert breached.actions("incident/1")[-1] == "alert.resent"
    again = breached.as_("ana").cli("alerts", "resend", str(alert["id"]))
    assert (again.returncode, "alert_not_dead" in again.stderr) == (1, True)
    bury(breached)
    assert "1 dead letter will" in breached.as_("olga").cli("alerts", "resend", "--channel", "file").stderr
    sent(breached, 3)
    assert len(lines(breached)) == 3


def test_what_nobody_will_take_is_discarded_on_the_command_line(breached: Daemon) -> None:
    """All that is left for a channel that is not set any more, and one dead letter of one that is."""
    leave(breached)
    shown = breached.as_("adam").cli("alerts", "--waiting")
    assert f"{GONE} (not set any more)" in shown.stdout
    ana, why = breached.as_("ana"), ("--reason", "the SOC was told by telephone")
    assert ana.cli("alerts", "discard", "--channel", "file", *why).returncode == 1
    assert "2 alerts discarded" in ana.cli("alerts", "discard", "--channel", GONE, *why).stderr
    assert ana.cli("alerts", "discard", "--channel", GONE, *why).returncode == 1
    bury(breached)
    (dead,) = ana.get("/api/v1/alerts").json["alerts"]
    assert breached.as_("adam").cli("alerts", "discard", str(dead["id"]), *why).returncode == 5
    assert "1 alert discarded" in ana.cli("alerts", "discard", str(dead["id"]), *why).stderr
    assert ana.get("/api/v1/alerts").json["count"] == 0
    assert breached.actions("incident/1").count("alert.discarded") == 3
    assert breached.verify_audit().returncode == 0


@needs_chromium
def test_the_page_shows_the_channels_and_sends_anew(browser: Browser, breached: Daemon) -> None:
    with opened(browser, breached.url) as page:
        sign_in(page, "olga")
        page.goto("/alerts")
        assert_accessible(page)
        expect(page.get_by_text("There are no dead letters.")).to_be_visible()
        page.get_by_role("button", name="Send a test to file").click()
        expect(page.get_by_role("status")).to_contain_text("The test of file was taken")
        bury(breached)
        page.goto("/alerts")
        assert_accessible(page)
        expect(page.get_by_text("too_long: <b>")).to_be_visible()
        leave(breached)
        page.reload()
        assert_fits(page)
        page.get_by_role("button", name="Send anew alert").click()
        expect(page.get_by_role("status")).to_contain_text("will be sent to file anew")
        wait_for("the alert again", lambda: len(lines(breached)) == 3)
        page.get_by_label("State", exact=True).select_option("waiting")
        page.get_by_label("Channel", exact=True).select_option(GONE)
        page.get_by_role("button", name="Find").click()
        assert "state=waiting" in page.url
        assert f"channel={GONE}" in page.url
        expect(page.get_by_text("Alerts 1 to 1 of 1")).to_be_visible()
        page.get_by_role("link", name="Discard alert").click()
        assert_accessible(page)
        assert_fits(page)
        page.get_by_label("Reason").fill("the SOC has another one")
        page.get_by_role("button", name="Discard alert").click()
        expect(page.get_by_role("status")).to_contain_text(f"to {GONE} is discarded")
        page.goto("/alerts")
        page.get_by_role("link", name=f"Discard what is left for {GONE}").click()
        expect(page.get_by_text("0 waiting, 1 dead letters")).to_be_visible()
        page.get_by_label("Reason").fill(" ")
        page.get_by_role("button", name="Discard all of them").click()
        expect(page.get_by_role("alert")).to_contain_text("Say why")
        page.get_by_label("Reason").fill("the SOC has another one")
        page.get_by_role("button", name="Discard all of them").click()
        expect(page.get_by_role("status")).to_contain_text(f"1 alert to {GONE} is discarded")
        expect(page.get_by_text("not set any more")).to_have_count(0)


@needs_chromium
def test_the_page_says_what_is_wrong_with_a_channel(browser: Browser, breached: Daemon) -> None:
    file = breached.data / "alerts.jsonl"
    file.unlink()
    file.mkdir()
    with opened(browser, breached.url) as page:
        sign_in(page, "ana")
        page.goto("/alerts")
        page.get_by_role("button", name="Send a test to file").click()
        expect(page.get_by_role("alert")).to_contain_text("The test of file was not taken")
        assert_accessible(page)
        expect(page.get_by_text("in trouble")).to_be_visible()
        page.goto("/overview")
        expect(page.get_by_role("link", name="alerts to file")).to_be_visible()
    with opened(browser, breached.url) as page:
        sign_in(page, "adam")
        page.goto("/alerts")
        expect(page.get_by_role("button", name="Send a test")).to_have_count(0)


def test_a_channel_beats_while_requests_can_be_counted(tmp_path: Path) -> None:
    with AllChannels(tmp_path / "soc") as soc:
        section = soc.section()
        section["splunk"][0]["heartbeat_seconds"] = section["file_heartbeat_seconds"] = 1
        with Daemon(tmp_path / "d", alerts=section) as daemon:
            wait_for("two beats", lambda: len(set(soc.ids("splunk"))) >= 2)
            wait_for("two beats in the file", lambda: len({line["id"] for line in lines(daemon)}) >= 2)
            assert {line["event"] for line in lines(daemon)} == {"heartbeat"}
            assert not soc.ids("webhook"), "this one wants none"
            wait_for("its answers", lambda: daemon.metric("alerts_waiting", "splunk") == 0)
            assert all(identity.startswith("test/heartbeat/") for identity in soc.ids("splunk"))
