"""A decision on quarantined requests is approved with a passkey as any file is, and an auditor verifies it offline."""

import json
import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.e2e.test_passkeys import Authenticator, add_passkey, with_passkeys
from tests.support.api import XML
from tests.support.browser import needs_chromium, opened, sign_in
from tests.support.dcc import TestDcc, quarantine
from tests.support.duis_messages import request_id
from tests.support.softhsm import needs_softhsm

pytestmark = [needs_chromium, needs_softhsm]

DECISIONS = "/api/v1/quarantine/decisions"


def test_a_decision_is_approved_with_a_passkey_and_an_auditor_verifies_it_offline(
    browser: Browser, tmp_path: Path
) -> None:
    dcc = TestDcc()
    section = {"certificates_folder": str(dcc.write(tmp_path / "certificates"))}
    (tmp_path / "daemon").mkdir()
    with with_passkeys(tmp_path / "daemon", dcc=section) as daemon:
        message = dcc.sign(quarantine(request_id(1), 42, at=time.time()))
        assert daemon.as_("adaptor").ask("POST", "/api/v1/dcc-alerts", message, XML).status == 202
        body = {"action": "DELETE", "reason": "not ours", "chosen": {"event_ref": "42"}}
        made = daemon.as_("ana").ask("POST", DECISIONS, json.dumps(body).encode()).json
        number, name = made["number"], made["file"]["name"]
        without = daemon.as_("bob").post(f"{DECISIONS}/{number}/approve")
        assert (without.status, without.code) == (403, "passkey_required")
        with opened(browser, daemon.url) as page:
            Authenticator(page)
            sign_in(page, "bob")
            add_passkey(page, "key")
            page.goto(f"/quarantine/decisions/{number}")
            expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
            page.get_by_role("link", name="Approve with a passkey").click()
            expect(page.get_by_role("link", name="What it decides, octet by octet")).to_be_visible()
            page.get_by_role("button", name="Approve with a passkey").click()
            told = page.get_by_text(f"You approved Exit Quarantine file {number}")
            expect(told).to_be_visible(timeout=20_000)
        assert daemon.as_("adam").get(f"{DECISIONS}/{number}").json["state"] == "delivered"
        assert daemon.as_("adam").cli("quarantine", "fetch", str(number), "-o", tmp_path).returncode == 0
        export = tmp_path / "export"
        export.write_text(daemon.as_("adam").cli("audit", "export").stdout)
        evidence, receipt = tmp_path / f"{name}.approval.json", tmp_path / f"{name}.receipt.json"
        done = daemon.stranger().cli("audit", "verify", export, "--receipt", receipt, "--approval", evidence)
        assert done.returncode == 0, done.stderr
        assert f"bob signed for file {number}" in done.stdout
