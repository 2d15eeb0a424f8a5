"""The pictures in the documents can be made anew: each page that they show is there, and looks like something."""

import re
from pathlib import Path

from playwright.sync_api import Browser

from tests.support.browser import needs_chromium
from tests.support.screenshots import FOLDER, pictures, shown_daemon

pytestmark = needs_chromium

DOCUMENTS = (FOLDER.parent / "console.md", FOLDER.parents[1] / "README.md")
BLANK = 10_000
"""Bytes that a picture of an empty page has at the most."""


def test_the_pictures_of_the_documents_are_made_of_the_pages(browser: Browser, tmp_path: Path) -> None:
    with shown_daemon(tmp_path) as (daemon, file):
        made = {name: len(png) for name, png in pictures(browser, daemon, file)}
    assert {file.stem for file in FOLDER.glob("*.png")} == made.keys()
    assert all(size > BLANK for size in made.values()), made
    shown = {
        name for file in DOCUMENTS for name in re.findall(r"images/([a-z-]+)\.png", file.read_text("utf-8"))
    }
    assert shown == made.keys()
