"""The same events, once as they come and once replayed into a fresh gateway, give the same breaches."""

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from gateway.clock import to_text
from gateway.store.journal import Observation
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.duis_messages import service_request
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm

SEED: Final = 20261122
ROUNDS: Final = 40
PAUSE: Final = 0.15
SERVICES: Final = ("4.1.1", "4.6.1", "7.4")
ROWS: Final = [
    row(9, 30, service="4.1.1", period="PT1M"),
    row(20, 200, service="4.6.1", period="PT1M"),
    row(3, 25, service="7.4", period="PT1H"),
    row(30, 60, communication="ALL", service="*", period="P1D"),
    row(1000, 2000, communication="SR", service="*", period="PT1H"),
]


def live(daemon: Daemon) -> None:
    """Send requests over HTTP for some seconds, as they come, with no time of their own."""
    chance = random.Random(SEED)
    numbers = iter(range(10_000))
    for _ in range(ROUNDS):
        sent = [header_line(next(numbers), chance.choice(SERVICES)) for _ in range(chance.randint(1, 6))]
        assert daemon.as_("adaptor").send_lines(sent).status == 202
        time.sleep(PAUSE)


def write(folder: Path, journal: list[Observation]) -> list[Path]:
    """Write what was counted as three files in its order, each with the times of its events: lines, XML, lines.

    `replay` sends pieces side by side: each file is one, and is replayed for itself.
    """
    folder.mkdir()
    middle = len(journal) // 2
    files = [folder / "1.ndjson", folder / "2.xml", folder / "3.ndjson"]
    for file, some in ((files[0], journal[:middle]), (files[2], journal[middle + 1 :])):
        file.write_text("\n".join(json.dumps(_line(event)) for event in some) + "\n")
    sent, seconds = journal[middle].communication, journal[middle].observed_at_ms / 1000
    variant = sent.service_reference_variant
    files[1].write_bytes(service_request(sent.request_id, 1, sent.service_reference, variant))
    os.utime(files[1], (seconds, seconds))
    return files


def _line(event: Observation) -> dict[str, Any]:
    sent = event.communication
    return {
        "request_id": sent.request_id,
        "command_variant": sent.command_variant,
        "service_reference_variant": sent.service_reference_variant,
        "observed_at": to_text(event.observed_at_ms / 1000),
    }


def breaches(daemon: Daemon) -> list[dict[str, Any]]:
    """Return what each incident says about its breach, and which requests are in excess."""
    found = []
    for incident in daemon.incidents():
        if incident["kind"] != "threshold":
            continue  # what is foretold depends on when it was looked
        shown = daemon.as_("ana").get(f"/api/v1/incidents/{incident['id']}").json
        facts = incident["detail"]
        found.append(
            {name: facts[name] for name in ("level", "limit", "count", "opened_at", "first_request_id")}
            | {name: facts["threshold"][name] for name in ("communication", "service", "period")}
            | {"excess": sorted(one["request_id"] for one in shown["excess"])}
        )
    return sorted(found, key=str)


def test_a_replay_gives_the_breaches_of_the_live_run(tmp_path: Path) -> None:
    with Daemon(tmp_path / "live") as first, Daemon(tmp_path / "again") as second:
        with ThreadPoolExecutor(
            2
        ) as pool:  # both before the first event: late ones are judged by what was in force
            list(pool.map(lambda daemon: daemon.put_in_force(*ROWS), (first, second)))
        live(first)
        journal = first.journal()
        for file in write(tmp_path / "events", journal):
            ran = second.as_("adaptor").cli("replay", "--observed-at", "mtime", "--json", file)
            assert ran.returncode == 0, ran.stderr
        with suppress(
            AssertionError
        ):  # what is counted is on record a moment later; the difference is told below
            wait_for("the same breaches", lambda: breaches(first) and breaches(second) == breaches(first))
        expected = breaches(first)
        assert len({found["service"] for found in expected}) == 4, "too little happened to compare"
        assert {found["level"] for found in expected} == {"warning", "quarantine"}
        assert breaches(second) == expected
        assert second.metric("communications_total", "SR") == len(journal)
        assert [rate["count"] for rate in second.rates()] == [rate["count"] for rate in first.rates()]
        assert second.metric("misplaced_total", "late") == 0
