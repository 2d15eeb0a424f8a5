"""A full disk: senders are told, nothing is counted by halves, and it goes on by itself once there is room."""

from pathlib import Path
from typing import Any, Final

from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, ids, row
from tests.support.full_disk import fill, small_disk
from tests.support.softhsm import needs_softhsm

DISK_KILOBYTES: Final = 24 * 1024
LEFT_BYTES: Final = 512 * 1024
BATCH: Final = 200


@needs_softhsm
def test_a_disk_that_fills_while_requests_come_and_is_freed_again(tmp_path: Path) -> None:
    """The alert file is on the same disk: alerts wait like everything else, and come once, in order."""
    with small_disk(tmp_path / "disk", DISK_KILOBYTES) as disk, Daemon(disk / "d") as daemon:
        daemon.put_in_force(row(2 * BATCH, 1_000_000))
        taken: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []

        def send(number: int) -> int:
            lines = [header_line(BATCH * number + n) for n in range(BATCH)]
            answer = daemon.as_("adaptor").send_lines(lines)
            (taken if answer.status == 202 else refused).extend(lines)
            if answer.status != 202:
                assert (answer.status, answer.code) == (503, "store_unavailable")
                assert int(answer.headers["Retry-After"]) > 0
            return answer.status

        assert send(0) == 202
        filler = fill(disk, LEFT_BYTES)
        number = 0
        while len(refused) < 5 * BATCH:
            number += 1
            assert number < 1000, "the disk does not fill"
            send(number)
        assert len(taken) > BATCH, "it was full at once: nothing was under way"
        wait_for("readyz to say so", lambda: daemon.stranger().get("/readyz").status == 503)
        assert daemon.stranger().get("/healthz").status == 200
        assert '"event": "journal_failed"' in daemon.log
        assert daemon.metric("commit_failures_total") > 0
        filler.unlink()
        wait_for("room", lambda: send(number + 1) == 202)
        wait_for("readyz", lambda: daemon.stranger().get("/readyz").status == 200)
        for first in range(0, len(refused), BATCH):
            assert daemon.as_("adaptor").send_lines(refused[first : first + BATCH]).status == 202
        everything = {line["request_id"] for line in [*taken, *refused]}
        assert [rate["count"] for rate in daemon.rates()] == [len(everything)]
        assert sorted(ids(daemon.journal())) == sorted(everything)
        (incident,) = wait_for("the incident", daemon.incidents)
        assert incident["detail"]["count"] == 2 * BATCH + 1
        wait_for("the alert", lambda: daemon.metric("alerts_waiting", "file") == 0)
        assert (daemon.data / "alerts.jsonl").read_text().count('"id"') == 1
        daemon.kill()
        daemon.start()
        assert [rate["count"] for rate in daemon.rates()] == [len(everything)]
        assert daemon.verify_audit().returncode == 0
