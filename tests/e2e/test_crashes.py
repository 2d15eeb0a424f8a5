"""SIGKILL at any moment: what was acknowledged holds, and everything goes on where the record says."""

import itertools
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.adt import adt_text
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, ids, row
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm

SEED: Final = 20261121
FILE_ROUNDS: Final = 12
MOST_ROUNDS: Final = 40
"""Where a machine is so busy that little happens between two kills, there are more of them."""
ENOUGH: Final = 5
"""Files that must have come through for the test to say anything."""
REQUEST_ROUNDS: Final = 5
QUARANTINE: Final = 25

STEPS: Final = {
    "submitted": ("bob", "approve"),
    "approved": ("carol", "approve"),
    "signed": ("olga", "deliver"),
    "delivered": ("olga", "acknowledge"),
}
"""Who does what next, by where the file is."""

ORDER: Final = ("submitted", "approved", "signed", "delivered", "acknowledged", "in_force")


class Worker(threading.Thread):
    """Carries files through their life, until the daemon dies or there is nothing left to do."""

    def __init__(self, daemon: Daemon, numbers: Iterator[int]) -> None:
        super().__init__(daemon=True)
        self._daemon = daemon
        self._numbers = numbers

    def run(self) -> None:
        try:
            while self._go_on():
                pass
        except (OSError, HTTPException):
            return  # the daemon is gone

    def _go_on(self) -> bool:
        """Take one step with the newest file, or submit another; tell whether there is more to do."""
        files = self._daemon.as_("adam").get("/api/v1/adt-files").json["files"]
        waiting = [file for file in files if file["state"] in STEPS]
        if waiting:
            name, verb = STEPS[waiting[0]["state"]]
            note = {"reference": "DCC"} if verb == "acknowledge" else {}
            self._daemon.as_(name).step(waiting[0]["id"], verb, **note)
        elif number := next(self._numbers, None):
            self._daemon.as_("alice").submit(adt_text([row(number, number + 1)]).encode(), f"{number}.csv")
        else:
            return False
        return True


def check_files(daemon: Daemon) -> None:
    """Check every file against its audit records, which are the truth."""
    for number, state, signature in daemon.query("SELECT id, state, signature FROM adt_files"):
        actions = [action.removeprefix("adt_file.") for action in daemon.actions(f"adt-file/{number}")]
        steps = Counter(action for action in actions if action in ORDER and action != "delivered")
        assert set(steps.values()) == {1}, (number, actions)
        reached = [step for step in ORDER if step in actions]
        assert reached == list(ORDER[: len(reached)]), actions
        last = "superseded" if "superseded" in actions else reached[-1]
        assert state == last.replace("_", " "), (number, state, actions)
        assert (signature is not None) == ("signed" in actions)


def check_in_force(daemon: Daemon) -> None:
    """Check that the thresholds in force are those of the one file that is, once all that were due are."""
    due = "SELECT id FROM adt_files WHERE state = 'acknowledged'"
    wait_for("the files to come into force", lambda: not daemon.query(due))
    files = "SELECT id FROM adt_files WHERE state = 'in force'"
    wait_for(
        "the thresholds", lambda: threshold_files(daemon) == [number for (number,) in daemon.query(files)]
    )
    assert len(daemon.query(files)) <= 1


def threshold_files(daemon: Daemon) -> list[int]:
    found = daemon.as_("adam").get("/api/v1/thresholds").json["thresholds"]
    return [threshold["file_id"] for threshold in found]


def delivered(daemon: Daemon) -> int:
    """Return how many files lie in the delivery folder."""
    folder = daemon.data / "delivered"
    return len({path.name for path in folder.iterdir()}) if folder.exists() else 0


def test_killed_anywhere_in_the_life_of_files(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    numbers = itertools.count(1)
    with Daemon(tmp_path) as daemon:
        for number in range(MOST_ROUNDS):
            if number >= FILE_ROUNDS and delivered(daemon) >= ENOUGH:
                break
            worker = Worker(daemon, numbers)
            worker.start()
            time.sleep(chance.uniform(0.02, 1.5))
            daemon.kill()
            worker.join()
            check_files(daemon)
            daemon.start()
            check_in_force(daemon)
        worker = Worker(daemon, iter(()))
        worker.start()
        worker.join(60)
        assert not worker.is_alive(), "the files do not go on"
        check_in_force(daemon)
        check_files(daemon)
        states = Counter(state for (state,) in daemon.query("SELECT state FROM adt_files"))
        assert set(states) == {"in force", "superseded"}
        assert daemon.verify_audit().returncode == 0
        assert delivered(daemon) == states.total()
        assert delivered(daemon) >= ENOUGH, "too little happened for this test to say anything"


def test_a_file_killed_between_approval_and_delivery_goes_on_by_itself(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        wait_for("the token", lambda: daemon.metric("ready", "token") == 1)
        number = daemon.submit(row(1, 2))
        (child,) = daemon.children
        child.suspend()
        approving = threading.Thread(target=_approve, args=(daemon, number))
        approving.start()
        wait_for("the signing", lambda: daemon.actions(f"adt-file/{number}")[-1] == "adt_file.signing")
        daemon.kill()
        child.resume()
        approving.join()
        daemon.start()
        daemon.wait_state(number, "delivered")
        assert daemon.actions(f"adt-file/{number}").count("adt_file.signed") == 1
        daemon.kill()
        daemon.change("UPDATE adt_files SET state = 'signed', delivered_at = NULL")  # as before delivery
        for path in (daemon.data / "delivered" / str(number)).iterdir():
            path.unlink()
        daemon.start()
        daemon.wait_state(number, "delivered")
        assert len(list((daemon.data / "delivered" / str(number)).iterdir())) == 3


def _approve(daemon: Daemon, number: int) -> None:
    with pytest.raises((OSError, HTTPException)):
        daemon.as_("bob").step(number, "approve")


class Load:
    """Senders of service requests who remember what was acknowledged."""

    def __init__(self) -> None:
        self.sent: list[list[dict[str, Any]]] = []
        self.acknowledged: set[str] = set()
        self._counters = itertools.count()

    def batch(self, size: int) -> list[dict[str, Any]]:
        lines = [header_line(next(self._counters)) for _ in range(size)]
        self.sent.append(lines)
        return lines

    def send(self, daemon: Daemon, size: int) -> None:
        """Send until the daemon is gone."""
        try:
            while True:
                lines = self.batch(size)
                if daemon.as_("adaptor").send_lines(lines).status == 202:
                    self.acknowledged.update(line["request_id"] for line in lines)
        except (OSError, HTTPException):
            return

    def run(self, daemon: Daemon, seconds: float) -> None:
        """Send with four threads for a while, then kill the daemon."""
        senders = [threading.Thread(target=self.send, args=(daemon, size)) for size in (1, 1, 7, 40)]
        for sender in senders:
            sender.start()
        wait_for("more than both levels", lambda: len(self.acknowledged) > QUARANTINE)
        time.sleep(seconds)
        daemon.kill()
        for sender in senders:
            sender.join()


def test_killed_under_load_every_acknowledged_request_counts_once(tmp_path: Path) -> None:
    chance, load = random.Random(SEED), Load()
    with Daemon(tmp_path) as daemon:
        daemon.put_in_force(row(5, QUARANTINE))
        for _ in range(REQUEST_ROUNDS):
            load.run(daemon, chance.uniform(0.1, 0.6))
            journalled = ids(daemon.journal())
            assert len(journalled) == len(set(journalled))
            assert load.acknowledged <= set(journalled)
            daemon.start()
            check_count(daemon, len(journalled))
        lines = [line for batch in load.sent for line in batch]
        again = daemon.as_("adaptor").send_lines(lines[:10_000]).json
        assert again["duplicate"] >= len(load.acknowledged & {line["request_id"] for line in lines[:10_000]})
        daemon.as_("adaptor").send_lines(lines[10_000:])
        assert sorted(ids(daemon.journal())) == sorted(line["request_id"] for line in lines)
        check_count(daemon, len(lines))
        assert daemon.verify_audit().returncode == 0


def check_count(daemon: Daemon, total: int) -> None:
    """Check the count, the two incidents of its one excess, and the requests in excess."""
    (rate,) = daemon.rates()
    assert rate["count"] == total
    wait_for("the incidents", lambda: len(daemon.incidents()) >= 2)
    incidents = daemon.incidents()
    assert [incident["level"] for incident in incidents] == ["warning", "quarantine"]
    assert [incident["state"] for incident in incidents] == ["closed", "candidate"]
    ana = daemon.as_("ana")

    def in_excess() -> int:
        return int(ana.get("/api/v1/incidents/2").json["excess_count"])

    # A breach is on record shortly after the request that is counted; never is there more than its excess.
    wait_for("all that is in excess", lambda: in_excess() >= total - QUARANTINE)
    assert in_excess() == total - QUARANTINE
    rows = daemon.query("SELECT count(*) FROM outbox WHERE channel = 'file'")
    assert rows == [(3,)], "an alert for each step of an incident"


def test_a_power_cut_leaves_a_sound_database(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False) as daemon:
        Load().run(daemon, 0.3)
        assert daemon.query("PRAGMA integrity_check") == [("ok",)]
        with sqlite3.connect(daemon.database_file) as database:
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
