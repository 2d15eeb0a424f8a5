"""Settings are read anew: what can change does, the rest is named, and a faulty file changes nothing."""

import logging
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import structlog
from msgspec.json import decode
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from gateway.audit.record import Content
from gateway.errors import Unavailable
from gateway.metrics import REGISTRY
from gateway.operations.reload import RELOADABLE, Reload, changed
from gateway.operations.rules import Rulebook, load_rules
from gateway.settings import Settings, load_settings
from gateway.store.audit_log import read_records
from gateway.store.database import Database
from tests.support.adt import PROFILE_TEXT

OTHER = "90-B3-D5-1F-30-02-00-00"
BEFORE = """
service_users = [{user_id = "90-B3-D5-1F-30-01-00-00", roles = ["IS"]}]
[adt_files]
profile = "adt-1.toml"
[log]
level = "info"
format = "json"
"""
CHANGES = {
    "log.level": ('level = "info"', 'level = "debug"'),
    "log.format": ('format = "json"', 'format = "console"'),
    "client_certificates": (
        "service_users =",
        f'client_certificates = [{{sha256 = "{"0a" * 32}", person = "adaptor"}}]\nservice_users =',
    ),
    "service_users": ("30-01-00-00", "30-02-00-00"),
    "adt_files.profile": ("adt-1.toml", "adt-2.toml"),
}
RESTART = {
    "instance": ("service_users =", 'instance = "other"\nservice_users ='),
    "http.port": ("[log]", "[http]\nport = 9000\n[log]"),
    "mqtt": ("[log]", '[mqtt]\nhost = "broker"\n[log]'),
    "alerts.file": ("[log]", '[alerts]\nfile = "alerts.jsonl"\n[log]'),
    "ingest.deduplication_seconds": ("[log]", "[ingest]\ndeduplication_seconds = 60\n[log]"),
}


class Running:
    """Settings that are in use, and the file they came from."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.database = database
        self.file = folder / "gateway.toml"
        (folder / "adt-1.toml").write_text(PROFILE_TEXT)
        (folder / "adt-2.toml").write_text(PROFILE_TEXT.replace('id = "adt-1"', 'id = "adt-2"'))
        self.file.write_text(BEFORE)
        settings = load_settings(self.file)
        self.rules = Rulebook(load_rules(settings))
        self.reload = Reload(settings, lambda: load_settings(self.file), self.rules, database, lambda: 1.0)

    async def change(self, *pairs: tuple[str, str]) -> tuple[str, list[Any]]:
        """Change the file and read it anew; return the status and the log."""
        text = BEFORE
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)
        with capture_logs() as logs:
            return await self.reload.reload(), logs

    async def records(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return who did what, and the detail."""
        found = [decode(record.body, type=Content) for record in await read_records(self.database)]
        return [(content.actor, content.action, content.detail) for content in found]


@pytest.fixture
def running(tmp_path: Path, sqlite: Database) -> Iterator[Running]:
    root = logging.getLogger()
    handlers, level, structured = root.handlers[:], root.level, structlog.get_config()
    yield Running(tmp_path, sqlite)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**structured)


def test_every_setting_of_the_table_exists_and_is_tried_here() -> None:
    for name in RELOADABLE:
        section, _, key = name.partition(".")
        field = Settings.model_fields[section]
        assert not key or key in type(field.default).model_fields
    assert set(CHANGES) == set(RELOADABLE)


@pytest.mark.parametrize("name", CHANGES)
async def test_what_can_change_does(running: Running, name: str) -> None:
    status, logs = await running.change(CHANGES[name])
    assert status == "settings read anew"
    if not name.startswith("log."):  # the new log is no longer the one that is looked at here
        assert [entry["changed"] for entry in logs] == [[name]]
    assert running.reload.settings == load_settings(running.file)


@pytest.mark.parametrize("name", RESTART)
async def test_what_needs_a_restart_is_named_and_stays(running: Running, name: str) -> None:
    before = running.reload.settings
    for _ in range(2):  # it is named each time, until it was restarted
        status, logs = await running.change(RESTART[name])
        assert status == f"settings read anew; needs a restart: {name}"
        assert logs[-1]["settings"] == [name]
        assert running.reload.settings == before


async def test_the_level_of_the_log_changes(running: Running) -> None:
    await running.change(CHANGES["log.level"])
    assert logging.getLogger().level == logging.DEBUG


async def test_new_files_are_checked_for_the_new_user_ids(running: Running) -> None:
    await running.change(CHANGES["service_users"])
    assert list(running.rules.current.service_users) == [OTHER]


async def test_files_on_their_way_keep_their_profile_but_not_the_user_ids(running: Running) -> None:
    sha256 = running.rules.current.profile_sha256
    await running.change(CHANGES["adt_files.profile"], CHANGES["service_users"])
    assert running.rules.current.profile.id == "adt-2"
    before = running.rules.of(sha256)
    assert before is not None
    assert before.profile.id == "adt-1"
    assert list(before.service_users) == [OTHER]
    assert running.rules.of(running.rules.current.profile_sha256) == running.rules.current


async def test_a_profile_that_was_edited_under_its_id_is_another_one(running: Running) -> None:
    sha256 = running.rules.current.profile_sha256
    profile = running.file.with_name("adt-1.toml")
    profile.write_text(PROFILE_TEXT.replace('container = "cms-detached"', 'container = "cms-pem"'))
    await running.change()
    before = running.rules.of(sha256)
    assert before is not None
    assert (before.profile.container, running.rules.current.profile.container) == ("cms-detached", "cms-pem")


async def test_a_profile_that_was_edited_in_its_place_is_read_anew(running: Running) -> None:
    profile = running.file.with_name("adt-1.toml")
    profile.write_text(PROFILE_TEXT.replace('id = "adt-1"', 'id = "adt-3"'))
    await running.change()
    assert running.rules.current.profile.id == "adt-3"


@pytest.mark.parametrize(
    "fault",
    [("[log]", "[log"), ("format =", "colour ="), ("adt-1.toml", "none.toml")],
    ids=["no TOML", "unknown key", "no profile"],
)
async def test_a_faulty_file_changes_nothing_and_is_shown(running: Running, fault: tuple[str, str]) -> None:
    before, rules = running.reload.settings, running.rules.current
    status, logs = await running.change(CHANGES["log.level"], CHANGES["service_users"], fault)
    assert "refused" in status
    assert [entry["event"] for entry in logs] == ["settings_refused"]
    assert running.reload.settings == before
    assert running.rules.current is rules
    assert REGISTRY.get_sample_value("adt_gateway_settings_taken") == 0
    await running.change()
    assert REGISTRY.get_sample_value("adt_gateway_settings_taken") == 1


async def test_what_changed_is_on_record_by_name_and_never_by_value(running: Running) -> None:
    await running.change(CHANGES["service_users"], RESTART["http.port"])
    ((actor, action, detail),) = await running.records()
    assert (actor, action) == ("system", "settings.reloaded")
    assert detail == {
        "changed": ["service_users"],
        "need_a_restart": ["http.port"],
        "profile_sha256": running.rules.current.profile_sha256,
    }


async def test_a_refused_file_is_on_record_without_a_word_of_it(running: Running) -> None:
    await running.change(("format =", '"hunter-two" ='))
    assert await running.records() == [("system", "settings.refused", {"code": "settings_invalid"})]


async def test_what_cannot_be_recorded_does_not_change(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> AbstractAsyncContextManager[AsyncConnection]:
        raise Unavailable("store_unavailable", "the store is away", "")

    before, rules = running.reload.settings, running.rules.current
    monkeypatch.setattr(running.database, "write", away)
    status, logs = await running.change(CHANGES["service_users"])
    assert "cannot be recorded" in status
    assert [entry["event"] for entry in logs] == ["settings_not_recorded"]
    assert (running.reload.settings, running.rules.current) == (before, rules)
    assert REGISTRY.get_sample_value("adt_gateway_settings_taken") == 0


def test_a_section_that_comes_or_goes_is_named_as_one(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[mqtt]\nhost = "a"')
    with_broker = load_settings(file)
    file.write_text("")
    without = load_settings(file)
    assert changed(with_broker, without) == changed(without, with_broker) == ["mqtt"]
    assert changed(without, without) == []
