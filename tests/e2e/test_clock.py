"""The system's clock is set while the daemon runs: counts, thresholds and alerts go on as if it were not."""

import calendar
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm
from tests.support.wall_clock import WallClock, needs_faketime

pytestmark = [needs_softhsm, needs_faketime]

HOUR: Final = 3600


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path)


@pytest.fixture
def daemon(tmp_path: Path, clock: WallClock) -> Iterator[Daemon]:
    with Daemon(tmp_path / "d", environment=clock.environment) as running:
        yield running


def jump(daemon: Daemon) -> str:
    """Return what `/readyz` says about the clock; it needs none to be ready."""
    answer = daemon.stranger().get("/readyz")
    (part,) = [part for part in answer.json["parts"] if part["part"] == "clock"]
    lacking = {part["part"] for part in answer.json["parts"] if part["needed"] and not part["works"]}
    assert lacking <= {"thresholds"}, "a file that comes into force is not counted against for a moment"
    assert not part["needed"]
    assert part["works"] == (not part["detail"])
    return str(part["detail"])


def send(daemon: Daemon, first: int, count: int, **more: Any) -> None:
    lines = [header_line(number, **more) for number in range(first, first + count)]
    assert daemon.as_("adaptor").send_lines(lines).json["accepted"] == count


def counts(daemon: Daemon) -> list[int]:
    return [rate["count"] for rate in daemon.rates()]


def alerts(daemon: Daemon) -> list[str]:
    file = daemon.data / "alerts.jsonl"
    return [json.loads(line)["id"] for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.parametrize("seconds", [-HOUR, 40 * 86_400])
def test_a_clock_that_is_set_empties_no_window_and_raises_no_storm(
    daemon: Daemon, clock: WallClock, seconds: int
) -> None:
    daemon.put_in_force(row(5, 100))
    send(daemon, 0, 5)
    assert jump(daemon) == ""
    clock.set(seconds)
    wait_for("readyz to say so", lambda: f"set by {seconds} s" in jump(daemon))
    assert daemon.log.count('"event": "clock_jumped"') == 1
    assert counts(daemon) == [5]
    assert breaches(daemon) == [], "five are not above five, whatever the clock says"
    send(daemon, 100, 1)
    (incident,) = wait_for("the breach", lambda: breaches(daemon))
    assert abs(text_seconds(incident["opened_at"]) - time.time()) < 5, "our time is the right one"
    send(daemon, 200, 3, observed_at=text(time.time() - 5))
    assert counts(daemon) == [9]
    assert daemon.metric("misplaced_total", "late") == daemon.metric("misplaced_total", "future") == 0
    clock.set(0)
    wait_for("readyz to be well again", lambda: jump(daemon) == "")
    send(daemon, 300, 1)
    assert counts(daemon) == [10]
    assert [found["kind"] for found in daemon.incidents()] == ["clock", "threshold"], "each is one incident"
    assert wait_for(
        "the alerts", lambda: {"test/incident/1/opened", "test/incident/2/opened"} <= {*alerts(daemon)}
    )
    daemon.kill()
    daemon.start()
    assert (counts(daemon), len(daemon.incidents())) == ([10], 2)
    assert daemon.verify_audit().returncode == 0


def test_a_threshold_takes_effect_at_its_second_while_the_clock_is_wrong(
    daemon: Daemon, clock: WallClock
) -> None:
    send(daemon, 0, 3)
    line = row(1, 100, start=6)
    number = daemon.acknowledge(line)
    clock.set(HOUR)
    wait_for("readyz to say so", lambda: "set by" in jump(daemon))
    if time.time() < text_seconds(line[6]) - 1:
        assert daemon.as_("adam").file(number)["state"] == "acknowledged"
    in_force_at = text_seconds(daemon.wait_state(number, "in force")["in_force_at"])
    assert text_seconds(line[6]) <= in_force_at < text_seconds(line[6]) + 10
    assert len(wait_for("the breach", lambda: breaches(daemon))) == 1


def test_a_restart_with_the_clock_set_back_by_an_hour_loses_nothing(daemon: Daemon, clock: WallClock) -> None:
    """What is in the journal is from the future then; it stays counted, once, and known."""
    daemon.put_in_force(row(3, 100), row(3, 100, service="4.1.1", period="P1D"))
    send(daemon, 0, 4)
    send(daemon, 10, 4, variant="4.1.1")
    incidents = wait_for("the incidents", lambda: daemon.incidents() if len(daemon.incidents()) == 2 else [])
    assert daemon.stop() == 0
    clock.set(-HOUR)
    daemon.start()
    assert '"event": "clock_was_ahead"' in daemon.log
    assert breaches(daemon) == incidents
    assert wait_for("the clock's", lambda: [i for i in daemon.incidents() if i["kind"] == "clock"])
    again = [header_line(number) for number in range(4)]
    assert daemon.as_("adaptor").send_lines(again).json == {"accepted": 0, "duplicate": 4, "rejected": []}
    send(daemon, 100, 1)
    assert sorted(counts(daemon)) == [4, 5]
    clock.set(0)
    daemon.restart()
    # What came last came an hour ago, by the clock of then: it is out of the window or counts as late, at its edge.
    assert sorted(counts(daemon)) in ([4, 4], [4, 5])
    assert [incident["id"] for incident in breaches(daemon)] == [incident["id"] for incident in incidents]
    assert daemon.verify_audit().returncode == 0


def breaches(daemon: Daemon) -> list[dict[str, Any]]:
    """Return the incidents of thresholds."""
    return [incident for incident in daemon.incidents() if incident["kind"] == "threshold"]


def text(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def text_seconds(written: str) -> float:
    return calendar.timegm(time.strptime(written[:19], "%Y-%m-%dT%H:%M:%S"))
