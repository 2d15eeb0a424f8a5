"""Files are approved with passkeys: Chromium's own virtual authenticator signs, the gateway and an auditor verify."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.support.browser import assert_accessible, needs_chromium, opened, sign_in
from tests.support.daemon import Daemon, row
from tests.support.oidc_provider import free_port
from tests.support.visitor import Visitor, words

pytestmark = needs_chromium

WIDTH = 360
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


@contextmanager
def with_passkeys(folder: Path, use: str = "required", **more: dict[str, Any]) -> Iterator[Daemon]:
    """Start a daemon whose approvals are made with passkeys, at localhost: an address has none."""
    port = free_port()
    origin = f"http://localhost:{port}"
    sections: dict[str, dict[str, Any]] = {
        "http": {"port": port},
        "passkeys": {"origin": origin},
        "approval": {"passkey": use},
    }
    with Daemon(folder, token=True, **(sections | more)) as daemon:
        daemon.url = origin
        yield daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Start a daemon that wants passkeys, for the tests of this module."""
    with with_passkeys(tmp_path_factory.mktemp("passkeys")) as running:
        yield running


class Authenticator:
    """A virtual authenticator of one page's browser."""

    def __init__(self, page: Page, **more: Any) -> None:
        self.cdp: CDPSession = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        options = AUTHENTICATOR | more
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        found = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(found["credentials"])


def add_passkey(page: Page, label: str) -> None:
    page.goto("/account")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name of this passkey").fill(label)
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_role("status")).to_contain_text("The passkey is added")


def caught_approval(page: Page, number: int) -> dict[str, str]:
    """Have the passkey sign for a file, and return the form that would be sent, unsent."""
    page.goto(f"/files/{number}/passkey")
    page.evaluate("HTMLFormElement.prototype.submit = () => {}")
    page.get_by_role("button", name="Approve with a passkey").click()
    answer = page.locator("input[name=answer]")
    expect(answer).not_to_have_value("")
    return {"nonce": page.locator("input[name=nonce]").input_value(), "answer": answer.input_value()}


def same_session(page: Page, daemon: Daemon) -> Visitor:
    """Return somebody who sends what they like in the session of *page*."""
    visitor = Visitor(daemon.url)
    visitor.cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    visitor.get("/account")
    return visitor


def detail(daemon: Daemon, subject: str, action: str) -> Any:
    rows = daemon.query("SELECT body FROM audit_records WHERE subject = ? ORDER BY number", subject)
    found = [json.loads(body) for (body,) in rows]
    return [record["detail"] for record in found if record["action"] == action][-1]


def test_a_file_is_approved_with_a_passkey_and_an_auditor_verifies_it_offline(
    browser: Browser, daemon: Daemon, tmp_path: Path
) -> None:
    number = daemon.submit(row(10, 20))
    with opened(browser, daemon.url) as page:
        Authenticator(page)
        sign_in(page, "bob")
        page.goto(f"/files/{number}/passkey")
        expect(page.get_by_role("main")).to_contain_text("You have no passkey yet")
        assert_accessible(page)
        page.get_by_role("link", name="Add a passkey").click()
        assert_accessible(page)
        add_passkey(page, "blue key")
        expect(page.get_by_role("region", name="Passkeys")).to_contain_text("blue key")
        assert_accessible(page)
        page.goto(f"/files/{number}")
        expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
        page.get_by_role("link", name="Approve with a passkey").click()
        assert_accessible(page)
        page.set_viewport_size({"width": WIDTH, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
        page.get_by_role("button", name="Approve with a passkey").click()
        told = page.get_by_text(
            f"You approved ADT file {number}"
        )  # beside it the page says how a trial of it goes
        expect(told).to_be_visible(timeout=20_000)
        page.goto("/account")
        assert page.get_by_role("region", name="Passkeys").locator("time").count() == 2  # added, last used
    assert daemon.as_("bob").file(number)["state"] == "delivered"
    auditor = daemon.as_("adam")
    assert auditor.cli("fetch", str(number), "-o", tmp_path).returncode == 0
    export = tmp_path / "export"
    export.write_text(auditor.cli("audit", "export").stdout)
    evidence, receipt = tmp_path / "adt.csv.approval.json", tmp_path / "adt.csv.receipt.json"
    arguments = ("audit", "verify", export, "--receipt", receipt, "--approval", evidence)
    stranger = daemon.stranger()  # offline: no access token
    done = stranger.cli(*arguments)
    assert done.returncode == 0, done.stderr
    file = daemon.as_("bob").file(number)
    assert f"bob signed for file {number}, SHA-256 {file['sha256']}" in done.stdout
    digest = detail(daemon, f"adt-file/{number}", "adt_file.approved")["passkey"]["evidence_sha256"]
    assert digest == file["approval_evidence_sha256"]
    assert json.loads(receipt.read_bytes())["approved"]["evidence_sha256"] == digest
    changed = json.loads(evidence.read_bytes())
    for part, value in (("sha256", "0" * 64), ("person", "carol"), ("file", number + 1)):
        evidence.write_text(json.dumps(changed | {"claim": changed["claim"] | {part: value}}))
        wrong = stranger.cli(*arguments)
        assert wrong.returncode == 7, wrong.stdout
        assert "the assertion does not hold" in wrong.stdout
    evidence.write_text("{}")
    assert stranger.cli(*arguments).returncode == 3


def test_an_assertion_counts_once(browser: Browser, daemon: Daemon) -> None:
    """Neither again, nor for another file, nor with another file's random number, nor in another session."""
    first, second = daemon.submit(row(11, 20)), daemon.submit(row(12, 20))
    with opened(browser, daemon.url) as page, opened(browser, daemon.url) as elsewhere:
        Authenticator(page)
        sign_in(page, "carol")
        sign_in(elsewhere, "carol")
        add_passkey(page, "c")
        visitor, other = same_session(page, daemon), same_session(elsewhere, daemon)
        for_first, for_second = caught_approval(page, first), caught_approval(page, second)
        crossed = {"nonce": for_second["nonce"], "answer": for_first["answer"]}
        refused = visitor.post(f"/files/{second}/passkey", crossed)
        assert (refused.status, "passkey_wrong" in words(refused)) == (403, True)
        assert detail(daemon, f"adt-file/{second}", "adt_file.approval_refused") == {"code": "passkey_wrong"}
        for_second = caught_approval(page, second)
        assert "passkey_challenge_over" in words(other.post(f"/files/{second}/passkey", for_second))
        for_second = caught_approval(page, second)
        assert "passkey_challenge_over" in words(visitor.post(f"/files/{first}/passkey", for_second))
        assert visitor.post(f"/files/{first}/passkey", for_first).status == 303
        for number in (first, second):
            assert "passkey_challenge_over" in words(visitor.post(f"/files/{number}/passkey", for_first))
    assert daemon.as_("bob").file(first)["state"] == "delivered"
    assert daemon.as_("bob").file(second)["state"] == "submitted"


def test_a_passkey_approves_the_difference_that_was_shown(browser: Browser, daemon: Daemon) -> None:
    """As the button on the file's page does: what came into force since then is looked at first."""
    number = daemon.submit(row(17, 20))
    with opened(browser, daemon.url) as page:
        Authenticator(page)
        sign_in(page, "carol")
        add_passkey(page, "for the difference")
        visitor = same_session(page, daemon)
        sent = caught_approval(page, number) | {"in_force": "999"}
        answer = visitor.post(f"/files/{number}/passkey", sent)
        assert (answer.status, "has changed since you looked" in words(answer)) == (409, True)
        assert daemon.as_("bob").file(number)["state"] == "submitted"
        (seen,) = re.findall(r'name="in_force" value="(\d+)"', answer.body.decode())
        sent = caught_approval(page, number) | {"in_force": seen}
        assert visitor.post(f"/files/{number}/passkey", sent).status == 303


def test_a_removed_passkey_approves_nothing_more(browser: Browser, daemon: Daemon) -> None:
    number = daemon.submit(row(13, 20))
    with opened(browser, daemon.url) as page:
        Authenticator(page)
        sign_in(page, "dora")
        add_passkey(page, "first")
        caught = caught_approval(page, number)
        page.goto("/account")
        page.get_by_role("button", name="Remove passkey first").click()
        expect(page.get_by_role("status")).to_contain_text("is removed")
        refused = same_session(page, daemon).post(f"/files/{number}/passkey", caught)
        assert (refused.status, "passkey_wrong" in words(refused)) == (403, True)
        page.goto(f"/files/{number}/passkey")
        expect(page.get_by_role("main")).to_contain_text("You have no passkey yet")
    assert daemon.actions("person/dora")[-1] == "passkey.removed"
    assert daemon.as_("bob").file(number)["state"] == "submitted"


def test_the_key_of_somebody_else_approves_nothing(browser: Browser, daemon: Daemon) -> None:
    """One authenticator may hold the keys of two people: each key is its person's alone."""
    number = daemon.submit(row(14, 20))
    with opened(browser, daemon.url) as page:
        Authenticator(page)
        sign_in(page, "dora")
        add_passkey(page, "of dora")
        caught = caught_approval(page, number)
        bob = Visitor(daemon.url)
        bob.sign_in("bob")
        refused = bob.post(f"/files/{number}/passkey", caught)
        assert "passkey_challenge_over" in words(refused)
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, "carol")
        add_passkey(page, "of carol")
        visitor = same_session(page, daemon)
        own = caught_approval(page, number)
        mixed = {"nonce": own["nonce"], "answer": caught["answer"]}
        assert "passkey_wrong" in words(visitor.post(f"/files/{number}/passkey", mixed))


def test_an_assertion_made_elsewhere_or_without_the_person_is_refused(
    browser: Browser, daemon: Daemon
) -> None:
    """The origin and the verification of the person are in what is signed: changing them breaks the signature."""
    number = daemon.submit(row(15, 20))
    with opened(browser, daemon.url) as page:
        authenticator = Authenticator(page)
        sign_in(page, "bob")
        add_passkey(page, "b")
        visitor = same_session(page, daemon)
        for change in (b"http://elsewhere:1", daemon.url.replace("localhost", "127.0.0.1").encode()):
            caught = caught_approval(page, number)
            answer = json.loads(caught["answer"])
            data = base64.urlsafe_b64decode(answer["response"]["clientDataJSON"] + "==")
            moved = data.replace(daemon.url.encode(), change)
            assert moved != data
            answer["response"]["clientDataJSON"] = base64.urlsafe_b64encode(moved).decode().rstrip("=")
            sent = caught | {"answer": json.dumps(answer)}
            assert "passkey_wrong" in words(visitor.post(f"/files/{number}/passkey", sent))
        for text in ("", "{}", "[" * 20_000, '{"id": "", "response": {}}', "\ud7ff"):
            page.goto(f"/files/{number}/passkey")
            sent = {"nonce": page.locator("input[name=nonce]").input_value(), "answer": text}
            assert "passkey_wrong" in words(visitor.post(f"/files/{number}/passkey", sent))
        authenticator.cdp.send(
            "WebAuthn.setUserVerified", {"authenticatorId": authenticator.id, "isUserVerified": False}
        )
        page.goto(f"/files/{number}/passkey")
        page.get_by_role("button", name="Approve with a passkey").click()
        expect(page.get_by_role("status")).to_contain_text("It was not done")
    assert daemon.as_("bob").file(number)["state"] == "submitted"


def test_at_another_address_of_the_console_no_passkey_works(browser: Browser, daemon: Daemon) -> None:
    """127.0.0.1 is not the origin that is set, and no name."""
    with opened(browser, daemon.url.replace("localhost", "127.0.0.1")) as page:
        Authenticator(page)
        sign_in(page, "olga")
        page.goto("/account/passkeys/new")
        page.get_by_label("Name of this passkey").fill("x")
        page.get_by_role("button", name="Make the passkey").click()
        expect(page.get_by_role("status")).to_contain_text("Passkeys do not work at this address")


def test_where_a_passkey_is_required_neither_api_nor_command_line_approves(daemon: Daemon) -> None:
    number = daemon.submit(row(16, 20))
    answer = daemon.as_("bob").step(number, "approve")
    assert (answer.status, answer.code) == (403, "passkey_required")
    done = daemon.as_("bob").cli("approve", str(number))
    assert (done.returncode, "passkey_required" in done.stderr) == (5, True)
    assert daemon.actions(f"adt-file/{number}")[-1] == "adt_file.approval_refused"
    assert daemon.as_("bob").step(number, "reject", reason="wrong").status == 200


def test_who_submitted_the_file_approves_it_with_no_passkey_either(browser: Browser, daemon: Daemon) -> None:
    number = daemon.submit(row(17, 20), by="dora")
    with opened(browser, daemon.url) as page:
        Authenticator(page)
        sign_in(page, "dora")
        add_passkey(page, "mine")
        page.goto(f"/files/{number}/passkey")
        expect(page.get_by_role("main")).to_contain_text("Another person approves it")
        expect(page.get_by_role("button", name="Approve with a passkey")).to_have_count(0)


def test_passkeys_are_named_and_a_lost_one_is_removed_by_an_admin(browser: Browser, daemon: Daemon) -> None:
    with opened(browser, daemon.url) as page:
        authenticator = Authenticator(page)
        sign_in(page, "sam")
        page.goto("/account/passkeys/new")
        page.get_by_label("Name of this passkey").fill("<b>key</b>")
        page.get_by_role("button", name="Make the passkey").click()
        expect(page.get_by_role("region", name="Passkeys")).to_contain_text("<b>key</b>")
        page.goto("/account/passkeys/new")
        page.get_by_label("Name of this passkey").fill("the same device")
        page.get_by_role("button", name="Make the passkey").click()
        expect(page.get_by_role("status")).to_contain_text("holds a passkey of yours already")
        assert len(authenticator.credentials()) == 1
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, "ada")
        page.goto("/people/sam")
        assert_accessible(page)
        page.get_by_role("button", name="Remove passkey <b>key</b>").click()
        expect(page.get_by_role("status")).to_contain_text("of sam is removed")
    added = detail(daemon, "person/sam", "passkey.added")
    assert added["label"] == "<b>key</b>"
    assert detail(daemon, "person/sam", "passkey.removed") == {"number": added["number"]}


def test_a_passkey_made_for_another_session_or_twice_is_refused(browser: Browser, daemon: Daemon) -> None:
    with opened(browser, daemon.url) as page, opened(browser, daemon.url) as elsewhere:
        Authenticator(page)
        for each in (page, elsewhere):
            sign_in(each, "ana")
        page.goto("/account/passkeys/new")
        page.evaluate("HTMLFormElement.prototype.submit = () => {}")
        page.get_by_label("Name of this passkey").fill("x")
        page.get_by_role("button", name="Make the passkey").click()
        expect(page.locator("input[name=answer]")).not_to_have_value("")
        form = {
            name: page.locator(f"input[name={name}]").input_value() for name in ("nonce", "answer", "label")
        }
        visitor, other = same_session(page, daemon), same_session(elsewhere, daemon)
        assert "passkey_challenge_over" in words(other.post("/account/passkeys", form))
        assert "passkey_challenge_over" in words(visitor.post("/account/passkeys", form))
        page.goto("/account/passkeys/new")
        fresh = form | {"nonce": page.locator("input[name=nonce]").input_value()}
        answer = visitor.post("/account/passkeys", fresh)
        assert (answer.status, "is no passkey for" in words(answer)) == (422, True)
    assert "passkey.added" not in daemon.actions("person/ana")


def test_an_old_session_adds_no_passkey(daemon: Daemon) -> None:
    visitor = Visitor(daemon.url)
    visitor.sign_in("ana")
    daemon.change("UPDATE sessions SET created_at = created_at - 901")
    assert "session_not_fresh" in words(visitor.get("/account/passkeys/new"))


def test_where_it_is_optional_both_ways_are_open(browser: Browser, tmp_path: Path) -> None:
    with with_passkeys(tmp_path, "optional") as daemon:
        number, other = daemon.submit(row(1, 2)), daemon.submit(row(1, 3))
        assert daemon.as_("bob").step(other, "approve").json["state"] == "delivered"
        with opened(browser, daemon.url) as page:
            Authenticator(page, transport="usb", hasResidentKey=False)
            sign_in(page, "bob")
            add_passkey(page, "key")
            page.goto(f"/files/{number}/passkey")
            page.get_by_role("button", name="Approve with a passkey").click()
            expect(page.get_by_text("You approved").first).to_be_visible(timeout=20_000)
        assert daemon.as_("adam").part(number, "approval").status == 200
        assert daemon.as_("adam").part(other, "approval").code == "adt_file_part_missing"


def test_without_the_settings_there_are_no_passkeys(own_daemon: Daemon) -> None:
    visitor = Visitor(own_daemon.url)
    visitor.sign_in("bob")
    for path in ("/account/passkeys/new", "/files/1/passkey"):
        assert "passkeys_off" in words(visitor.get(path))
    assert b"Passkeys" not in visitor.get("/account").body
