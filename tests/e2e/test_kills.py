"""SIGKILL fifty times in one run, at any moment: counts, incidents and alerts are those of a run without.

With PostgreSQL a dozen times: what a killed process leaves there is committed by the server.
"""

import functools
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.api import Answer, wait_for
from tests.support.daemon import Daemon, ids, row
from tests.support.mosquitto import Mosquitto, needs_mosquitto
from tests.support.postgres import PostgresServer
from tests.support.senders import Senders
from tests.support.softhsm import needs_softhsm

pytestmark = [needs_softhsm, needs_mosquitto]

SEED: Final = int(os.environ.get("KILLS_SEED", time.time_ns() % 2**32))
"""A new one for each run; the test prints it where it fails."""
KILLS: Final = (42, 8)
"""Before a pause without, and after it."""
KILLS_WITH_POSTGRESQL: Final = (12,)

STEADY: Final = "7.4"
"""All the time some of it: one warning, one quarantine, open from the beginning to the end."""
PULSED: Final = {"4.1.1": 4, "4.6.1": 9, "4.8.1": 4, "4.8.2": 9}
"""Variants that get so many requests in one second: four is above the warning level, nine above both."""
WARNING, QUARANTINE = 3, 7
PERIOD: Final = 60


class Run:
    """One data directory, and a daemon in it that is killed again and again."""

    def __init__(self, daemon: Daemon, senders: Senders) -> None:
        self.daemon = daemon
        self.senders = senders
        self.chance = random.Random(SEED)
        self.start_seconds = 1.0
        self.pulses: list[tuple[str, int]] = []
        """Variant and second."""

    def kill(self) -> None:
        """Kill the daemon while it starts, just after a commit, or at any moment; start it again."""
        moment = self.chance.choice(["start", "commit", "commit", "any"])
        if moment == "start":
            self.daemon.kill()
            self.daemon.launch()
            time.sleep(self.chance.uniform(0, self.start_seconds))
        elif moment == "commit":
            time.sleep(self.chance.uniform(0, 0.3))
            self.senders.committed.clear()
            assert self.senders.committed.wait(20), "nothing is acknowledged any more"
            time.sleep(self.chance.uniform(0, 0.004))
        else:
            time.sleep(self.chance.uniform(0, 0.8))
        self.daemon.kill()
        began = time.monotonic()
        self.daemon.start()
        self.start_seconds = time.monotonic() - began

    def pulse(self, variant: str) -> None:
        """Send what is above the level in one second, in pieces, each until it is acknowledged."""
        now = int(time.time())
        times = {"observed_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))}
        self.pulses.append((variant, now))
        sent = self.senders.lines(PULSED[variant], variant, **times)
        for piece in (sent[:2], sent[2:4], sent[4:]):
            send = functools.partial(self._send, piece)
            self.senders.insist(piece, send)

    def _send(self, lines: list[dict[str, Any]]) -> Answer:
        return self.daemon.as_("adaptor").send_lines(lines)  # its address changes with each start

    def wait_for_the_ends(self) -> None:
        """Leave the daemon alone until the pulses have left the window and their episodes have ended."""

        def ended() -> bool:
            return self.daemon.metric("open_episodes", "warning") == 1

        wait_for("the episodes to end", ended, PERIOD + 30)


def expected_incidents(pulses: list[tuple[str, int]]) -> Counter[tuple[str, str, int]]:
    """Return how many incidents there are of each service, level and count: with each count one above a level."""
    found = Counter({(STEADY, "warning", WARNING + 1): 1, (STEADY, "quarantine", QUARANTINE + 1): 1})
    for variant, _ in pulses:
        found[variant, "warning", WARNING + 1] += 1
        if PULSED[variant] > QUARANTINE:
            found[variant, "quarantine", QUARANTINE + 1] += 1
    return found


def check_incidents(run: Run) -> None:
    """Check that each excess is one incident, with the requests in excess, whatever was killed meanwhile."""
    daemon = run.daemon
    expected = expected_incidents(run.pulses)
    wait_for("the incidents", lambda: len(daemon.incidents()) >= expected.total())
    incidents = daemon.incidents()
    found = Counter(
        (i["detail"]["threshold"]["service"], i["level"], i["detail"]["count"]) for i in incidents
    )
    assert found == expected
    for incident in incidents:
        service, quarantine = incident["detail"]["threshold"]["service"], incident["level"] == "quarantine"
        superseded = not quarantine and (service == STEADY or PULSED[service] > QUARANTINE)
        assert incident["state"] == ("closed" if superseded else "candidate"), incident
        if service != STEADY:
            shown = daemon.as_("ana").get(f"/api/v1/incidents/{incident['id']}").json
            level = QUARANTINE if quarantine else WARNING
            most = PULSED[service] if not superseded else QUARANTINE + 1
            assert level < level + shown["excess_count"] <= most, shown
            if not superseded:
                assert shown["excess_count"] == PULSED[service] - level
    opened = {
        (i["detail"]["threshold"]["service"], i["opened_at"][:19])
        for i in incidents
        if i["level"] == "warning"
    }
    pulsed = {(v, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))) for v, second in run.pulses}
    assert {one for one in opened if one[0] != STEADY} == pulsed


def check_alerts(daemon: Daemon) -> None:
    """Check that none is missing, and that what came twice is the same to the byte but for nothing."""
    incidents = daemon.incidents()
    expected = {f"test/incident/{incident['id']}/opened" for incident in incidents}
    expected |= {f"test/incident/{i['id']}/closed" for i in incidents if i["state"] == "closed"}
    file = daemon.data / "alerts.jsonl"

    def alerts() -> list[dict[str, Any]]:
        return [json.loads(line) for line in file.read_text().splitlines()]

    wait_for("the alerts", lambda: {alert["id"] for alert in alerts()} >= expected)
    assert {alert["id"] for alert in alerts()} == expected
    assert len({json.dumps(alert, sort_keys=True) for alert in alerts()}) == len(expected)


def check_counts(run: Run) -> None:
    """Check that what was acknowledged is counted, that nothing else is, and each once."""
    daemon, sent = run.daemon, run.senders.acknowledged
    identities = [line["request_id"] for line in sent]
    assert len(identities) == len(set(identities))
    steady = sum(line["service_reference_variant"] == STEADY for line in sent)

    def count() -> int:
        return next(int(rate["count"]) for rate in daemon.rates() if rate["service"] == STEADY)

    wait_for("what the broker still holds", lambda: count() >= steady, 60)
    assert count() == steady
    for first in range(0, len(sent), 10_000):
        again = sent[first : first + 10_000]
        answer = daemon.as_("adaptor").send_lines(again).json
        assert answer == {"accepted": 0, "duplicate": len(again), "rejected": []}
    assert count() == steady
    assert sorted(ids(daemon.journal())) == sorted(identities)


@pytest.fixture
def sections(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Return the settings of the store of this kind; a database of PostgreSQL is dropped in the end."""
    if request.param == "sqlite":
        yield {}
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    yield {"store": {"url": server.create("kills")}}
    server.drop("kills")


@pytest.mark.parametrize(
    ("sections", "phases"),
    [("sqlite", KILLS), ("postgresql", KILLS_WITH_POSTGRESQL)],
    ids=["sqlite", "postgresql"],
    indirect=["sections"],
)
def test_kills_lose_nothing_and_double_nothing(
    tmp_path: Path, sections: dict[str, Any], phases: tuple[int, ...]
) -> None:
    """Pulses open episodes, which stay open over many kills, end in a pause without, and open again.

    They are counted where the sender says that they were sent, so that what is repeated after a kill counts
    where it would have counted without.
    """
    print(f"KILLS_SEED={SEED}")  # noqa: T201 - pytest shows it where the test fails
    with (
        Mosquitto(tmp_path / "broker") as broker,
        Daemon(tmp_path / "d", mqtt=broker.section, **sections) as daemon,
    ):
        wait_for("the broker", lambda: daemon.metric("ready", "broker") == 1)
        levels = [row(WARNING, QUARANTINE, service=variant, period="PT1M") for variant in PULSED]
        daemon.put_in_force(row(WARNING, QUARANTINE, service=STEADY, period="P1D"), *levels)
        assert daemon.stop() == 0
        daemon.without("token")  # no part of this, and it takes its time to start
        daemon.start()
        run = Run(daemon, Senders(daemon))
        senders = run.senders
        with broker.client() as client, senders.sending(senders.one, senders.many, senders.by(client)):
            for phase, kills in enumerate(phases, 1):
                with ThreadPoolExecutor(1) as pool:
                    pulses = [pool.submit(run.pulse, variant) for variant in PULSED]
                    for _ in range(kills):
                        run.kill()
                for pulse in pulses:
                    pulse.result()
                if phase < len(phases):
                    run.wait_for_the_ends()
        assert senders.repeated > sum(phases) / 2, "too little was repeated for this test to say anything"
        check_counts(run)
        check_incidents(run)
        check_alerts(daemon)
        assert daemon.verify_audit().returncode == 0
