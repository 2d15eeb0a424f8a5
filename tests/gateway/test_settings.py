"""Settings are complete or refused, and a refusal names the key."""

import re
import typing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.errors import ExitCode, SettingsError
from gateway.ingest.receive import BATCH_LINES
from gateway.settings import CLIENT_VARIABLES, Settings, load_settings

ROOT = Path(__file__).parents[2]
LIBRARY_WORDS = re.compile(
    r"Input|Extra|Field required|String should|Tuple|Value error|pydantic|validation|instance of|parsing"
)
"""How the libraries speak that read the settings; people get plain words."""


def write(folder: Path, text: str) -> Path:
    """Write a settings file."""
    path = folder / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.remedy
    return caught.value


def test_the_settings_of_the_project_load() -> None:
    settings = load_settings(ROOT / "config" / "gateway.toml")
    assert settings.adt_files.profile == ROOT / "config" / "profiles" / "adt-1.toml"
    assert settings.adt_files.profile.exists()
    assert settings.data_directory == ROOT / "var"
    assert settings.store_url == f"sqlite+aiosqlite:///{ROOT}/var/gateway.sqlite"
    assert settings.delivery_folder == ROOT / "var" / "delivered"


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, ""))
    assert (settings.http.host, settings.token, settings.mqtt) == ("127.0.0.1", None, None)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("colour = 1", "colour"),
        ("[colour]\nx = 1", "colour"),
        ("[http]\nprot = 1", "http.prot"),
        ("[log]\nformat = 'json'\nfile = 'x'", "log.file"),
        ("[token]\nmodule='m'\npin_file='p'\ntrust_file='t'\npin='1234'", "token.pin"),
        (
            "[[service_users]]\nuser_id='90-B3-D5-1F-30-01-00-00'\nroles=['IS']\nname='x'",
            "service_users.0.name",
        ),
    ],
)
def test_an_unknown_key_or_section_is_named(tmp_path: Path, text: str, key: str) -> None:
    error = refusal(write(tmp_path, text))
    assert error.code == "settings_invalid"
    assert f"{key}: " in error.message
    assert "1234" not in error.message


def leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], FieldInfo]:
    """Return every single setting by its path."""
    found: dict[tuple[str, ...], FieldInfo] = {}
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *typing.get_args(field.annotation)]
        section = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        found |= leaves(section, (*path, name)) if section else {(*path, name): field}
    return found


@pytest.mark.parametrize("path", list(leaves(Settings)), ids=".".join)
def test_a_wrong_value_of_any_setting_is_named(tmp_path: Path, path: tuple[str, ...]) -> None:
    section, key = ".".join(path[:-1]), path[-1]
    field = Settings.model_fields[path[0]]
    for name in path[1:-1]:
        field = field.annotation.model_fields[name]  # type: ignore[union-attr] # a section
    listed = typing.get_origin(field.annotation) is tuple
    header = "" if not section else f"[[{section}]]" if listed else f"[{section}]"
    error = refusal(write(tmp_path, f"{header}\n{key} = [{{ wrong = 'hunter-two' }}]"))
    assert re.search(rf"{section}(\.0)?\.?{key}[.:]", error.message)
    assert "hunter-two" not in error.message
    assert not LIBRARY_WORDS.search(error.message)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, "colour = 1\n[http]\nport = 70000\n[ingest]\nqueue_limit = 1")).message
    assert all(key in message for key in ("colour:", "http.port:", "ingest.queue_limit:"))


def test_a_section_lacks_what_it_needs(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, "[token]\nmodule = 'm'")).message
    assert "token.pin_file: it is needed and not set" in message
    assert "token.trust_file: it is needed and not set" in message


@pytest.mark.parametrize("content", [b"[http", b"\xff", b"a = 1\na = 2", b"\x00"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(content)
    error = refusal(path)
    assert (error.code, str(path) in error.message) == ("settings_unreadable", True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[http]\nprot = 1", "http.prot: there is no such setting; is http.port meant?"),
        ("[htpp]\nport = 1", "htpp: there is no such setting; is http meant?"),
        ("port = 1", "port: there is no such setting; is http.port or mqtt.port meant?"),
        ("colour = 1", "colour: there is no such setting"),
        ("[http]\nport = 'x'", "http.port: it has to be a whole number"),
        ("[http]\nport = 70000", "http.port: it has to be 65535 or less"),
        ("[alerts]\nmqtt = 'perhaps'", "alerts.mqtt: it has to be true or false"),
        ("http = 3", "http: it has to be a section: [http] on a line of its own, its keys below"),
        ("instance = 'a b'", "instance: it has to be 1 to 40 letters, digits, hyphens and underscores"),
        ("[log]\nlevel = 'loud'", "log.level: it has to be 'debug', 'info', 'warning' or 'error'"),
        (
            "[[service_users]]\nuser_id = 'x'\nroles = ['IS']",
            "service_users.0.user_id: it has to be an EUI-64 with hyphens, such as 90-B3-D5-1F-30-01-00-00",
        ),
        (
            "[http]\nhost = '::'\nplain_text_beyond_loopback = true\n[forward]\nurl = 'http://a'\nauthenticate = false",
            "forward.authenticate: it may be false only where http.host is a loopback address",
        ),
        (
            "[adt_files]\ndrop_folder = 'in'",
            "adt_files.drop_folder: it needs adt_files.drop_folder_person",
        ),
        (
            "[adt_files]\ndrop_folder = 'in'\ndrop_folder_person = 'ann'\n[ingest]\ndrop_folder = 'in'",
            "adt_files.drop_folder: it may not be ingest.drop_folder, which takes every file",
        ),
    ],
)
def test_a_refusal_says_in_plain_words_what_a_key_has_to_be_and_which_is_meant(
    tmp_path: Path, text: str, said: str
) -> None:
    path = write(tmp_path, text)
    assert refusal(path).message == f"{path}: {said}"


def test_a_variable_that_is_no_json_is_named_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADT_GATEWAY__SERVICE_USERS", "[")
    message = refusal(write(tmp_path, "")).message
    assert message == "service_users: the environment variable ADT_GATEWAY__SERVICE_USERS is not JSON"


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").code == "settings_missing"
    assert str(tmp_path) in refusal(tmp_path).message


def test_the_environment_goes_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "[http]\nhost = '::1'\nport = 1\n[mqtt]\nhost = 'a'")
    monkeypatch.setenv("ADT_GATEWAY__HTTP__PORT", "9000")
    monkeypatch.setenv("ADT_GATEWAY__INSTANCE", "two")
    monkeypatch.setenv("ADT_GATEWAY__MQTT__CA_FILE", "ca.pem")
    monkeypatch.setenv(
        "ADT_GATEWAY__SERVICE_USERS", '[{"user_id": "90-B3-D5-1F-30-01-00-00", "roles": ["IS"]}]'
    )
    settings = load_settings(path)
    assert (settings.http.host, settings.http.port, settings.instance) == ("::1", 9000, "two")
    assert settings.mqtt is not None
    assert (settings.mqtt.host, settings.mqtt.ca_file) == ("a", tmp_path / "ca.pem")
    assert settings.service_users[0].roles == ("IS",)


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("ADT_GATEWAY__COLOUR", "1", "ADT_GATEWAY__COLOUR"),
        ("ADT_GATEWAY_HTTP__PORT", "1", "ADT_GATEWAY_HTTP__PORT"),
        ("ADT_GATEWAY_PORT", "1", "ADT_GATEWAY_PORT"),
        ("ADT_GATEWAY__HTTP_PORT", "1", "ADT_GATEWAY__HTTP_PORT"),
        ("adt_gateway__colour", "1", "ADT_GATEWAY__COLOUR"),
        ("ADT_GATEWAY__HTTP__PROT", "1", "http.prot"),
        ("ADT_GATEWAY__HTTP__PORT", "many", "http.port"),
        ("ADT_GATEWAY__HTTP__PORT__X", "1", "http.port"),
        ("ADT_GATEWAY__MQTT", "{hunter-two", "mqtt"),
        ("ADT_GATEWAY__SERVICE_USERS", "[hunter-two", "service_users"),
        ("ADT_GATEWAY__SERVICE_USERS__0__USER_ID", "x", "service_users"),
        ("ADT_GATEWAY__TOKEN__PIN", "hunter-two", "token.pin"),
    ],
)
def test_a_variable_that_is_no_setting_or_a_wrong_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv(variable, value)
    error = refusal(write(tmp_path, ""))
    assert (error.code, named in error.message) == ("settings_invalid", True)
    assert "hunter" not in error.message


@pytest.mark.parametrize("variable", sorted(CLIENT_VARIABLES))
def test_the_variables_of_the_command_line_are_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """An access token in the environment must not be taken for the section of that name."""
    monkeypatch.setenv(variable, "adtgw_x")
    assert load_settings(write(tmp_path, "")) == load_settings(write(tmp_path, ""))
    assert load_settings(write(tmp_path, "")).token is None


def test_relative_paths_start_at_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    text = """
    data_directory = "../data"
    [token]
    module = "/usr/lib/module.so"
    pin_file = "pin"
    trust_file = "./a/../trust.pem"
    [alerts]
    file = "alerts.jsonl"
    """
    write(folder, text)
    monkeypatch.chdir(tmp_path)
    settings = load_settings(Path("config/gateway.toml"))
    assert settings.data_directory == tmp_path / "data"
    assert settings.token is not None
    assert settings.token.module == Path("/usr/lib/module.so")
    assert (settings.token.pin_file, settings.token.trust_file) == (folder / "pin", folder / "trust.pem")
    assert settings.token.softhsm_config is None
    assert settings.alerts.file == folder / "alerts.jsonl"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://user:hunter-two@host/name",
        "postgresql+asyncpg://user:hunter/two@host/name",
        "postgresql+asyncpg://:hunter-two@host/name",
        "postgresql+asyncpg://user@/name?host=/run&password=hunter-two",
        "postgresql+asyncpg://user@/name?PASSWORD=hunter-two",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_shown(tmp_path: Path, url: str) -> None:
    message = refusal(write(tmp_path, f"[store]\nurl = '{url}'")).message
    assert "store.url: " in message
    assert "holds a password" in message
    assert "hunter" not in message


@pytest.mark.parametrize(
    "url", ["sqlite:////x", "sqlite+aiosqlite:///x", "postgresql://h/n", "mysql://h/n", "x"]
)
def test_a_store_of_another_kind_or_a_relative_one_is_refused(tmp_path: Path, url: str) -> None:
    assert "store.url: " in refusal(write(tmp_path, f"[store]\nurl = '{url}'")).message


@pytest.mark.parametrize(
    "url",
    ["sqlite+aiosqlite:////var/x.sqlite", "postgresql+asyncpg://u@[::1]:5432/n", "postgresql+asyncpg:///n"],
)
def test_a_url_without_a_password_is_taken_as_it_is(tmp_path: Path, url: str) -> None:
    assert load_settings(write(tmp_path, f"[store]\nurl = '{url}'")).store_url == url


def test_a_secret_is_named_by_its_file_and_never_a_setting() -> None:
    """Structural: what sounds like a secret is the path of a file."""
    secret = re.compile(r"(^|_)(pin|password|secret|passphrase|credential|access_token)")
    named = [path for path in leaves(Settings) if secret.search(path[-1])]
    assert named
    assert all(path[-1].endswith("_file") for path in named)


@pytest.mark.parametrize("change", [("http", None), ("instance", "x")])
def test_settings_do_not_change(tmp_path: Path, change: tuple[str, Any]) -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(load_settings(write(tmp_path, "")), *change)


def test_every_setting_says_what_it_is() -> None:
    """The table of settings is made of these."""
    assert [path for path, field in leaves(Settings).items() if not field.description] == []


def test_the_queue_holds_at_least_one_body_of_the_largest_size(tmp_path: Path) -> None:
    """A smaller queue would ask the sender of such a body to send it again for ever."""
    assert (
        load_settings(write(tmp_path, f"[ingest]\nqueue_limit = {BATCH_LINES}")).ingest.queue_limit
        == BATCH_LINES
    )
    assert (
        "ingest.queue_limit:"
        in refusal(write(tmp_path, f"[ingest]\nqueue_limit = {BATCH_LINES - 1}")).message
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "adaptor:8080",
        "ftp://adaptor",
        "http://",
        "http://user:secret@adaptor",
        "http://adaptor/?a=b",
        "http://adaptor/#a",
    ],
)
def test_an_adaptor_is_named_by_an_address_alone(tmp_path: Path, url: str) -> None:
    error = refusal(write(tmp_path, f'[forward]\nurl = "{url}"\n'))
    assert "forward.url" in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("gateway.example", False)],
)
def test_requests_are_passed_on_without_access_tokens_on_loopback_alone(
    tmp_path: Path, host: str, allowed: bool
) -> None:
    http = f'[http]\nhost = "{host}"\nplain_text_beyond_loopback = true\n'
    text = f'{http}[forward]\nurl = "http://adaptor/"\nauthenticate = false\n'
    path = write(tmp_path, text)
    if allowed:
        settings = load_settings(path)
        assert settings.forward
        assert settings.forward.url == "http://adaptor"
    else:
        assert "forward.authenticate" in refusal(path).message
    assert load_settings(write(tmp_path, text.replace("authenticate = false", ""))).forward


@pytest.mark.parametrize(
    ("http", "allowed"),
    [
        ('host = "127.0.0.5"', True),
        ('host = "0.0.0.0"', False),
        ('host = "::"', False),
        ('host = "gateway.example"', False),
        ('host = "0.0.0.0"\nplain_text_beyond_loopback = true', True),
        ('host = "0.0.0.0"\ntls_certificate_file = "c"\ntls_key_file = "k"', True),
        ('tls_certificate_file = "c"', False),
        ('tls_key_file = "k"', False),
        ('client_ca_file = "a"', False),
        ('client_ca_file = "a"\ntls_certificate_file = "c"\ntls_key_file = "k"', True),
    ],
)
def test_it_listens_beyond_loopback_with_tls_or_where_the_settings_say_so(
    tmp_path: Path, http: str, allowed: bool
) -> None:
    path = write(tmp_path, f"[http]\n{http}\n")
    if allowed:
        load_settings(path)
    else:
        assert "http: " in refusal(path).message


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example"])
def test_without_tls_nobody_listens_beyond_loopback_unless_that_is_said(tmp_path: Path, host: str) -> None:
    assert (
        "is not loopback and there is no TLS"
        in refusal(write(tmp_path, f'[http]\nhost = "{host}"\n')).message
    )
    said = f'[http]\nhost = "{host}"\nplain_text_beyond_loopback = true\n'
    assert load_settings(write(tmp_path, said)).http.host == host
