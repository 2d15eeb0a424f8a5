"""A real browser at the console: the system's Chromium, driven by Playwright.

Playwright's own loop runs in the test's thread: a module that uses `browser` has no asynchronous tests.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.support.with_people import PASSWORD

CHROMIUM: Final = Path("/usr/bin/chromium")
OPTIONS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
)
WIDTHS: Final = (1280, 360)
"""Of a desk and of a telephone, in CSS pixels."""
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""What axe-core is asked to look for."""

needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium for the tests of one module."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield running
        running.close()


@contextmanager
def opened(browser: Browser, url: str, **context: Any) -> Iterator[Page]:
    """Open a page at the console at *url*, without anybody signed in; no script may fail and nothing be refused.

    *context* is as Playwright takes it: `java_script_enabled`, `color_scheme`, `viewport`…
    """
    complaints: list[str] = []
    with browser.new_context(base_url=url, **context) as fresh:
        page = fresh.new_page()
        page.set_default_timeout(15_000)

        def complain(message: ConsoleMessage) -> None:
            # What the server refused on purpose is told there too.
            if message.type == "error" and not message.text.startswith("Failed to load resource"):
                complaints.append(message.text)

        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert not complaints


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Sign in as a person does; ends on the first page."""
    page.goto("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def assert_accessible(page: Page) -> None:
    """Let axe-core look at the page as it is, in light and in dark."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, options={"runOnly": RULES})
        assert "color-contrast" in {rule["id"] for rule in found.response["passes"]}  # it looked
        assert found.violations_count == 0, f"{page.url} ({scheme}): {found.generate_report()}"


def assert_fits(page: Page) -> None:
    """Show the page on a desk and on a telephone: neither it nor any of its tables has to be moved sideways."""
    tables = "[...document.querySelectorAll('.scroll:has(table)')]"
    moved = f"{tables}.filter(each => each.scrollWidth > each.clientWidth).map(each => each.ariaLabel)"
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(moved) == [], (page.url, width)
