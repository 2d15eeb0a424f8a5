"""The documents say what the code does."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest

from gateway.alerts.candidate import UPDATE_SECONDS
from gateway.alerts.facts import KINDS
from gateway.clock import FOLLOWED_SECONDS
from gateway.operations import refusals, uncovered
from gateway.operations.rules import load_rules
from gateway.parts import UNCOVERED_SECONDS
from gateway.settings import Settings, load_settings
from tests.support.documents import BLOCKS, ROOT, documents, figures, marked, rewritten, with_figures
from thresholds.exit_profile import parse_exit_profile
from thresholds.outlook import CLEAR_SECONDS
from thresholds.profile import Rules, parse_profile
from thresholds.window import LATENESS

DOCUMENTS = documents()
IN_README = {"verbs", "exit-codes", "settings"}
FOREIGN = re.compile(
    rf"{re.escape(str(ROOT))}|https?://\S+\.(?:whl|tar\.gz|tgz|deb)\b|^--?(?:extra-)?index-url|^--find-links"
)
"""The path of this checkout, and where packages are downloaded from."""


def _tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in names.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_made_from_the_code_is_current(path: Path) -> None:
    """Mend it with `python -m tests.support.documents --write`."""
    assert path.read_text("utf-8") == rewritten(path.read_text("utf-8"))


def test_the_readme_has_verbs_settings_and_exit_codes() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    if len(text.splitlines()) <= 20:
        pytest.skip("README.md is not written yet")
    assert set(marked(text)) >= IN_README


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_a_stale_block_is_noticed_and_made_anew(name: str) -> None:
    stale = f"before\n<!-- {name} -->\nSTALE\n<!-- /{name} -->\nafter\n"
    fresh = rewritten(stale)
    assert "STALE" not in fresh
    assert fresh.startswith("before\n")
    assert fresh.endswith("after\n")
    assert rewritten(fresh) == fresh


@pytest.mark.parametrize(
    "text", ["<!-- verbs -->\nnot closed\n", "<!-- verbs -->\n<!-- /verbs -->\n" * 2], ids=["open", "twice"]
)
def test_a_block_that_is_not_closed_or_is_there_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="verbs"):
        rewritten(text)


MEASURED = {
    "load": 0.5,
    "figures": [
        {
            "what": "one",
            "against": "a peer",
            "ours": 1937189,
            "unit": "per second",
            "aim": 0.8,
            "at_least": True,
        }
        | {"peer": 2000000, "note": "", "value": 0.9685945, "reached": True},
        {"what": "two", "against": "", "ours": 180.0, "unit": "milliseconds", "aim": 150, "at_least": False}
        | {"peer": None, "note": "", "value": 180.0, "reached": False},
    ],
}


def test_figures_are_written_as_they_were_measured() -> None:
    one, two = figures(MEASURED).splitlines()[2:]
    assert one == "| one | a peer | 0.969 times (1 937 189 per second) | at least 0.8 times |"
    assert two == "| two | nothing | 180 milliseconds | at most 150 milliseconds, **missed** |"


def test_figures_go_where_they_belong_and_stay_there() -> None:
    text = "before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n"
    new = with_figures(text, figures(MEASURED))
    assert "old" not in new
    assert "1 937 189" in new
    assert new.startswith("before\n")
    assert new.endswith("after\n")
    assert rewritten(new) == new
    assert with_figures("no place\n", "x") == "no place\n"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_nothing_is_left_to_be_filled_in(path: Path) -> None:
    assert re.findall(r"FIGURE-\w+|TODO|TBD", path.read_text("utf-8")) == []


def test_make_clean_leaves_evidence_and_keys(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (".venv/x", "dist/x", "var/demo/x", "var/gateway.sqlite", "var/token/key", "config/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".coverage.host").touch()
    (tmp_path / ".coveragerc").touch()
    subprocess.run(["make", "-C", tmp_path, "clean"], check=True, capture_output=True)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile", ".coveragerc", "var/gateway.sqlite", "var/token/key", "config/x"}


def test_the_settings_table_has_every_setting() -> None:
    keys = set(re.findall(r"^\| `([^`]+)`", BLOCKS["settings"](), re.MULTILINE))
    assert {"instance", "http.port", "token.pin_file", "service_users[].user_id", "log.level"} <= keys
    assert {key.partition(".")[0].removesuffix("[]") for key in keys} == set(Settings.model_fields)


def test_every_rule_of_a_profile_is_told() -> None:
    for rule in msgspec.structs.fields(Rules):
        assert f"`{rule.name}`" in BLOCKS["rules"]()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8"))
    relative = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in relative if not (path.parent / link).exists()] == []


def test_every_file_in_the_documents_that_is_named_by_its_path_exists() -> None:
    """Such as `gateway/access.py` in backticks."""
    for path in DOCUMENTS:
        named = re.findall(
            r"`((?:gateway|hsm|thresholds|config|docs|tests)/[\w./-]+)`", path.read_text("utf-8")
        )
        assert [name for name in named if not (ROOT / name).exists()] == [], path


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.toml")), ids=lambda path: path.name)
def test_every_file_of_config_loads_by_its_own_loader(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADT_GATEWAY_CONFIG", raising=False)
    if path.parent.name == "profiles":
        parse = parse_exit_profile if path.stem.startswith("exit-") else parse_profile
        assert parse(path.read_text("utf-8")).id == path.stem
    else:
        assert load_rules(load_settings(path)).profile.id


def test_every_example_of_toml_in_the_documents_is_toml() -> None:
    for path in DOCUMENTS:
        for example in re.findall(r"```toml\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            tomllib.loads(example)


def test_no_tracked_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = []
    for path in _tracked():
        try:
            lines = path.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or another thing that nobody reads as text
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
            for number, line in enumerate(lines, start=1)
            if FOREIGN.search(line)
        ]
    assert found == []


def _incident_rows() -> dict[str, list[str]]:
    """Return the cells of the table of incident kinds, by kind."""
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    table = text.partition("| kind | opens |")[2].partition("\n<!--")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]
    return {row[0].strip("`| "): row for row in rows}


def test_every_kind_of_incident_is_told_with_what_to_do() -> None:
    rows = _incident_rows()
    assert list(rows) == list(KINDS)
    runbooks = re.findall(r"^### (\w+)$", (ROOT / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE)
    for kind, row in rows.items():
        anchor = re.search(r"operations\.md#(\w+)\)", row[3])
        assert anchor, kind
        assert anchor[1] in {name.lower() for name in runbooks}


def test_the_times_of_incidents_are_those_of_the_code() -> None:
    rows = _incident_rows()
    assert f"{CLEAR_SECONDS} s" in rows["forecast"][2]
    assert f"{refusals.QUIET_SECONDS:.0f} s" in rows["queue_full"][2]
    assert f"{FOLLOWED_SECONDS:.0f} s" in rows["clock"][1]
    assert f"{LATENESS} s" in rows["clock"][1]
    assert f"{UNCOVERED_SECONDS:.0f} s" in rows["no_thresholds"][1]
    assert f"{uncovered.QUIET_SECONDS:.0f} s" in rows["no_thresholds"][2]
    text = " ".join((ROOT / "docs" / "monitoring.md").read_text("utf-8").split())
    assert f"one in {UPDATE_SECONDS} s at the most" in text
    assert f"At most {uncovered.NAMED} User IDs" in text


def test_the_changelog_has_a_section_for_what_comes_or_came() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## (\[?Unreleased|\[?\d+\.\d+\.\d+)", text, re.MULTILINE)


def test_every_code_about_who_somebody_is_is_told() -> None:
    """The codes of sign-in through a provider and of passkeys, each where it is raised."""
    operations = ROOT / "gateway" / "operations"
    names = ("single_sign_on", "provider_people", "passkeys", "second_person", "challenges")
    places = [operations / f"{name}.py" for name in names]
    places += [ROOT / "gateway" / "oidc" / "fetch.py", ROOT / "gateway" / "cli" / "approvals.py"]
    raised = re.compile(r'(?:[a-z]\(|Permitted\(|Over\(|Input\()\s*"([a-z]+(?:_[a-z]+)+)",\s*(?:msg|f")')
    codes = {code for path in places for code in raised.findall(path.read_text("utf-8"))}
    elsewhere = {"settings_invalid", "sign_in_slowed", "stored_bytes_changed"}
    text = (ROOT / "docs" / "access.md").read_text("utf-8").partition("## Codes")[2]
    told = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE))
    assert len(codes) > 15
    assert codes - elsewhere <= told
