"""Where each setting came from: the environment goes over the file, and the file over the default."""

import time
from pathlib import Path

import pytest

from gateway.access import Person, Role
from gateway.operations.reload import Reload
from gateway.operations.rules import Rulebook, load_rules
from gateway.operations.shown_settings import MASKED, SettingsView, _text
from gateway.origin import Origin, origins
from gateway.settings import Settings, load_settings
from gateway.store.database import Database
from tests.support.adt import ROOT

OLGA = Person("olga", frozenset({Role.OPERATOR}))


def _written(folder: Path, text: str = "") -> Path:
    path = folder / "gateway.toml"
    profile = ROOT / "config" / "profiles" / "adt-1.toml"
    path.write_text(f'instance = "one"\n[adt_files]\nprofile = "{profile}"\n{text}')
    return path


def test_a_setting_is_known_by_where_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADT_GATEWAY__HTTP__PORT", "0")
    monkeypatch.setenv("adt_gateway__log__level", "debug")
    monkeypatch.setenv("ADT_GATEWAY__SILENCE", '{"http_seconds": 60}')
    settings = load_settings(_written(tmp_path, '[http]\nhost = "localhost"\nport = 1\n'))
    assert settings.http.port == 0
    assert settings.origin("http.port") is Origin.ENVIRONMENT
    assert settings.origin("log.level") is Origin.ENVIRONMENT
    assert settings.origin("silence.http_seconds") is Origin.ENVIRONMENT
    assert settings.origin("silence.mqtt_seconds") is Origin.DEFAULT
    assert settings.origin("http.host") is Origin.FILE
    assert settings.origin("instance") is Origin.FILE
    assert settings.origin("adt_files.profile") is Origin.FILE
    assert settings.origin("data_directory") is Origin.DEFAULT  # though it was made absolute


def test_foreign_variables_set_nothing() -> None:
    assert origins({}, {"PATH": "/bin", "ADT_GATEWAY_URL": "x"}, "ADT_GATEWAY__") == {}


async def test_after_a_reload_it_is_known_from_where_the_new_value_came(
    tmp_path: Path, sqlite: Database
) -> None:
    path = _written(tmp_path)
    running = load_settings(path)
    reload = Reload(running, lambda: load_settings(path), Rulebook(load_rules(running)), sqlite, time.time)
    view = SettingsView(running)
    reload.also(view.take)
    _written(tmp_path, '[log]\nlevel = "debug"\n[http]\nport = 1\n')
    await reload.reload()
    rows = {each.name: each for section in view.shown(OLGA) for each in section.settings}
    assert (rows["log.level"].value, rows["log.level"].origin) == ("debug", Origin.FILE)
    assert (rows["http.port"].value, rows["http.port"].origin) == (
        "8470",
        Origin.DEFAULT,
    )  # waits for a restart
    assert rows["log.level"].reload == "at once"
    assert rows["http.port"].reload == ""


def test_every_setting_is_shown_once_with_what_it_is(tmp_path: Path) -> None:
    sections = SettingsView(load_settings(_written(tmp_path))).shown(OLGA)
    names = [each.name for section in sections for each in section.settings]
    assert len(names) == len(set(names))
    tables = {section.name for section in sections}
    assert {name.partition(".")[0] for name in names} | tables >= set(Settings.model_fields)
    assert all(each.what for section in sections for each in section.settings)


def test_what_is_called_a_secret_shows_only_the_path_of_its_file() -> None:
    assert _text("mqtt.password", "hunter2") == MASKED
    assert _text("token.pin", 1234) == MASKED
    assert _text("token.pin_file", Path("/run/pin")) == "/run/pin"
    assert _text("http.host", "localhost") == "localhost"
