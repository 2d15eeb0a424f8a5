"""What the console is made of is in the package that is installed, loads nothing from elsewhere, and is named by its content."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gateway.web.console.static_files import KINDS, StaticFiles
from tests.support.adt import ROOT

CONSOLE = ROOT / "gateway" / "web" / "console"
TEMPLATES = sorted((CONSOLE / "templates").rglob("*.html"))
STATIC = sorted((CONSOLE / "static").iterdir())


def test_the_wheel_holds_every_template_and_static_file(tmp_path: Path) -> None:
    """And the list of known passwords."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = set(zipfile.ZipFile(wheel).namelist())
    wanted = [*TEMPLATES, *STATIC, ROOT / "gateway/operations/data/known_passwords.txt"]
    assert len(wanted) > 10
    assert {str(path.relative_to(ROOT)) for path in wanted} <= shipped


def test_every_static_file_is_served() -> None:
    files = StaticFiles()
    for path in STATIC:
        assert path.name.rpartition(".")[2] in KINDS, path
        assert files.path(path.name).endswith(f"/{path.name}")
    with pytest.raises(KeyError):
        files.path("missing.js")


def test_no_page_loads_anything_from_elsewhere_or_has_script_or_style_inside() -> None:
    """The policy of the pages would refuse it, and a reader would miss it."""
    for path in [*TEMPLATES, *STATIC]:
        text = path.read_text("utf-8")
        assert not re.search(r"(?:src|href|action)=[\"'](?:https?:)?//", text), path
        assert not re.search(r"(?:@import|url\(|import\s*\()", text), path
        if path.suffix == ".html":
            assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", text), path
            assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path
            assert "|safe" not in text.replace(" ", ""), path


def test_every_form_that_changes_something_carries_the_token() -> None:
    for path in TEMPLATES:
        forms = re.findall(r"<form\b.*?</form>", path.read_text("utf-8"), re.DOTALL)
        for form in forms:
            if 'method="post"' in form and 'action="/login"' not in form:
                assert "token_field(" in form or 'name="form_token"' in form, path
