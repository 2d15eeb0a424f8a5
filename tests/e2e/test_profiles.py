"""The rules of a file are those of its submission, whatever profile is set when the daemon starts again."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.support.adt import PROFILE_TEXT
from tests.support.api import wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm

BEFORE = PROFILE_TEXT.replace('replaces = "user-id"', 'replaces = "rows"')
AFTER = PROFILE_TEXT.replace('container = "cms-detached"', 'container = "cms-pem"').replace(
    'header = "UserID"', 'header = "User"'
)
"""Under the same id: in it no file of before could be read."""


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    profile = tmp_path / "profile.toml"
    profile.write_text(BEFORE)
    return Daemon(tmp_path / "d", adt_files={"profile": str(profile)})


def _change_profile(daemon: Daemon) -> None:
    Path(daemon.settings("adt_files")["profile"]).write_text(AFTER)
    daemon.restart()


def test_a_file_keeps_its_profile_over_a_restart_until_it_is_in_force(daemon: Daemon) -> None:
    with daemon:
        standing = daemon.put_in_force(row(80, 100))
        number = daemon.submit(row(70, 90, service="7.2", communication="SPC"))
        _change_profile(daemon)
        signed = daemon.as_("bob").step(number, "approve").json
        assert signed["signature_name"].endswith(".p7s")
        assert daemon.as_("olga").step(number, "acknowledge", reference="DCC-1").status == 200
        daemon.wait_state(number, "in force")
        wait_for("both", lambda: {rate["file_id"] for rate in daemon.rates()} == {standing, number})
        found = json.loads(daemon.cli("doctor", "--json").stdout)["findings"]
        states = {finding["name"]: finding["state"] for finding in found}
        assert (states["adt files"], states["thresholds in force"]) == ("ok", "ok")


def test_the_record_of_the_submission_names_the_profile_by_its_hash(daemon: Daemon) -> None:
    with daemon:
        number = daemon.submit(row(80, 100))
        ((body,),) = daemon.query("SELECT body FROM audit_records WHERE subject = ?", f"adt-file/{number}")
        sha256 = hashlib.sha256(BEFORE.encode()).hexdigest()
        assert json.loads(body)["detail"]["profile_sha256"] == sha256
        assert daemon.as_("adam").file(number)["profile_sha256"] == sha256
        assert daemon.query("SELECT sha256, content FROM profiles") == [(sha256, BEFORE.encode())]


def test_a_file_whose_profile_was_changed_in_the_store_is_neither_signed_nor_in_force(daemon: Daemon) -> None:
    with daemon:
        waiting = daemon.acknowledge(row(80, 100, start=3600))
        approved = daemon.submit(row(70, 90))
        _change_profile(daemon)
        daemon.change("UPDATE profiles SET content = replace(content, 'rolling', 'calendar')")
        answer = daemon.as_("bob").step(approved, "approve")
        assert (answer.status, answer.code) == (500, "stored_profile_changed")
        assert daemon.as_("adam").file(approved)["state"] == "approved"
        assert "adt_file.signing" not in daemon.actions(f"adt-file/{approved}")
        daemon.change("UPDATE adt_files SET effective_from = 0 WHERE id = ?", waiting)
        daemon.restart()
        assert "not the one that it was submitted under" in daemon.wait_state(waiting, "failed")["reason"]
