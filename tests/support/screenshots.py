"""Pictures of the main pages, of a daemon with something to see: `python -m tests.support.screenshots` writes docs/images.

A test takes the same pictures, so that a page that is gone or broken is noticed; their pixels are not compared.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.adt import adt_text
from tests.support.all_channels import AllChannels
from tests.support.api import header_line, wait_for
from tests.support.browser import CHROMIUM, OPTIONS, opened, sign_in
from tests.support.daemon import Daemon, row
from tests.support.quarantined_daemon import DCC, held, send
from tests.support.with_people import OTHER_SUPPLIER, SUPPLIER

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
SIZE: Final = {"width": 1280, "height": 800}
KEY: Final = f"{SUPPLIER}~ALL~*~PT1H~rolling"


def fill(daemon: Daemon) -> int:
    """Put thresholds in force, pass some, and leave a file to be approved; return its number."""
    daemon.put_in_force(
        row(40, 60, communication="ALL", service="*"),
        row(8, 12, service="4.1.1"),
        row(3, 5, service="7.4"),
        row(300, 400, service="4.1.1", period="P1D"),
        row(30, 50, user=OTHER_SUPPLIER),
        row(20, 40, user=OTHER_SUPPLIER, communication="SPC", service="7.2"),
        name="limits-november.csv",
    )
    about = ["--kind", "threshold", "--class", "SR", "--service", "4.1.1", "--for", "4h"]
    made = daemon.as_("olga").cli(
        "silences", "add", "--planned-work", "--reason", "CHG-1042, reading campaign", *about
    )
    assert made.returncode == 0, made.stderr
    adaptor = daemon.as_("adaptor")
    adaptor.send_lines([header_line(number, "4.1.1") for number in range(11)])
    adaptor.send_lines([header_line(100 + number, "7.4") for number in range(7)])
    adaptor.send_lines([header_line(200 + number, "2.2") for number in range(15)])
    wait_for("the breaches", lambda: len(daemon.incidents()) == 3)
    _quarantine(daemon)
    rows = (
        row(40, 60, communication="ALL", service="*"),
        row(12, 20, service="4.1.1"),
        row(2, 5, service="7.4"),
        row(5, 8, service="7.2", communication="SPC"),
    )
    return daemon.submit(*rows, name="limits-december.csv")


def _quarantine(daemon: Daemon) -> None:
    """Let the DCC hold what we expected and what we did not, and propose to release the first."""
    for number, event, breach in (
        (105, 7001, "ADUserThresholdBreach"),
        (106, 7001, "ADUserThresholdBreach"),
        (203, 7002, "ADDCCThresholdBreach"),
        (204, 7003, "ADAttributeLimitsBreach"),
        (666, 7004, "ADUserThresholdBreach"),
    ):
        assert send(daemon, held(number, event, breach=breach)).status == 202
    wish = ["--event", "7001", "--reason", "our own campaign, CHG-1042", "--yes"]
    made = daemon.as_("ana").cli("quarantine", "decide", "release", *wish)
    assert made.returncode == 0, made.stderr


@contextmanager
def shown_daemon(folder: Path) -> Iterator[tuple[Daemon, int]]:
    """Run a daemon with something to see; yields it and the number of the file that waits for approval."""
    DCC.write(folder / "dcc")
    with AllChannels(folder / "soc") as soc:
        alerts = soc.section()
        del alerts["file"]  # its path would be in the picture
        with Daemon(folder / "daemon", dcc={"certificates_folder": folder / "dcc"}, alerts=alerts) as daemon:
            yield daemon, fill(daemon)


def faulty() -> str:
    """Return an ADT file with faults."""
    wrong = [*row(80, 100)]
    wrong[3], wrong[4] = "1 hour", "120"
    return adt_text(
        [row(80, 100, service="4.1.1"), wrong, row(9, 5, service="7.2"), row(1, 2, service="99.9")]
    )


def pictures(browser: Browser, daemon: Daemon, file: int) -> Iterator[tuple[str, bytes]]:
    """Yield each picture's name and its PNG."""
    with opened(browser, daemon.url, viewport=SIZE) as page:
        sign_in(page, "bob")
        for name, path in (
            ("overview", "/overview"),
            ("rates", "/rates"),
            ("rate", f"/rates/{KEY}?span=1h"),
            ("approve", f"/files/{file}"),
            ("incidents", "/incidents"),
            ("incident", "/incidents/2"),
            ("decision", f"/quarantine/decisions/{file - 1}"),
            ("audit", "/audit"),
            ("token", "/token"),
        ):
            yield name, _taken(page, path)
    with opened(browser, daemon.url, viewport=SIZE) as page:
        sign_in(page, "olga")
        for name, path in (
            ("quarantine", "/quarantine?state=all"),
            ("alerts", "/alerts"),
            ("silence", "/silences/1"),
        ):
            yield name, _taken(page, path)
    with opened(browser, daemon.url, viewport=SIZE, color_scheme="dark") as page:
        sign_in(page, "adam")
        yield "rates-dark", _taken(page, "/rates")
    with opened(browser, daemon.url, viewport={"width": 360, "height": 740}) as page:
        sign_in(page, "alice")
        yield "rates-narrow", _taken(page, "/rates")
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto("/files/new")
        page.get_by_label("Or its text").fill(faulty())
        page.get_by_role("button", name="Check only").click()
        page.get_by_role("alert").first.wait_for()
        yield "faults", page.screenshot()


def _taken(page: Page, path: str) -> bytes:
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200, (path, answer.status)
    page.wait_for_timeout(700)  # what is live has its first numbers
    return page.screenshot()


def main() -> int:
    """Write docs/images."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        with shown_daemon(Path(folder)) as (daemon, file):
            for name, png in pictures(browser, daemon, file):
                (FOLDER / f"{name}.png").write_bytes(png)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
