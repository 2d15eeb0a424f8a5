"""A breach reaches a real syslog receiver over TLS, and none is lost while that is away."""

from pathlib import Path

from tests.support.api import header_line
from tests.support.daemon import Daemon, row
from tests.support.receivers import Rsyslog, needs_rsyslog
from tests.support.softhsm import needs_softhsm
from tests.support.tls import Authority

pytestmark = [needs_softhsm, needs_rsyslog]

SERVICES = ("7.4", "4.1.1")


def _said(receiver: Rsyslog) -> list[tuple[str, str]]:
    """Return alert and service of each alert so far, repeats dropped as a SOC does."""
    found = {
        line["rfc5424-sd"]["adtgateway@32473"]["alert"]: line["cef"]["Extensions"].get("cs1", "")
        for line in receiver.lines()
    }
    return list(found.items())


def breach(daemon: Daemon, number: int) -> None:
    lines = [header_line(10 * number + counter, SERVICES[number]) for counter in range(2)]
    assert daemon.as_("adaptor").send_lines(lines).json["accepted"] == 2


def test_alerts_arrive_over_tls_and_those_of_a_receiver_that_was_away_too(tmp_path: Path) -> None:
    receiver = Rsyslog(tmp_path / "rsyslog", Authority(tmp_path))
    files = {
        name: str(value) if isinstance(value, Path) else value for name, value in receiver.section().items()
    }
    with receiver, Daemon(tmp_path / "d", alerts={"syslog": [files]}) as daemon:
        daemon.put_in_force(*(row(1, 1000, service=service) for service in SERVICES))
        breach(daemon, 0)
        receiver.wait_for_lines(lambda _: len(_said(receiver)) == 1)
        receiver.stop(kill=True)
        breach(daemon, 1)
        receiver.start()
        receiver.wait_for_lines(lambda _: len(_said(receiver)) == 2)
    assert [service for _, service in _said(receiver)] == list(SERVICES)
