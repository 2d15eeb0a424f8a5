"""A daemon of which the DCC holds requests, and the alerts that say so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.api import XML, Answer, header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.dcc import TestDcc, quarantine

DCC: Final = TestDcc()
ALERTS: Final = "/api/v1/dcc-alerts"


def request_id(number: int) -> str:
    return str(header_line(number)["request_id"])


def held(number: int, event: int = 42, **more: Any) -> bytes:
    """Return a signed alert of now."""
    return DCC.sign(quarantine(request_id(number), event, at=time.time(), **more))


def send(daemon: Daemon, data: bytes) -> Answer:
    return daemon.as_("adaptor").ask("POST", ALERTS, data, XML)


@contextmanager
def quarantined_daemon(folder: Path) -> Iterator[Daemon]:
    """Run a daemon: two requests in excess of a quarantine level, of five that left; four alerts, one of them forged."""
    DCC.write(folder / "dcc")
    with Daemon(folder / "daemon", dcc={"certificates_folder": str(folder / "dcc")}) as running:
        running.put_in_force(row(1, 3))
        running.as_("adaptor").send_lines([header_line(number) for number in range(1, 6)])
        wait_for("the breach", lambda: any(each["level"] == "quarantine" for each in running.incidents()))
        for data in (held(4), held(2, 7), held(666, 8), quarantine(request_id(5), at=time.time())):
            assert send(running, data).status == 202
        yield running
