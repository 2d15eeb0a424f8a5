"""What the settings of channels over HTTP and of mail may be."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.access import Person, Role
from gateway.channel_settings import Alerts
from gateway.errors import SettingsError
from gateway.operations.shown_settings import SettingsView
from gateway.settings import Settings, load_settings

URL = "https://soc.example"
WEBHOOK = {"name": "hook", "url": URL, "secret_file": "secret"}
SPLUNK = {"name": "splunk", "url": URL, "token_file": "token"}
ALERTMANAGER = {"name": "am", "url": URL}
MAIL = {"name": "mail", "host": "mail.example", "sender": "a@b.example", "recipients": ["soc@b.example"]}


def check(kind: str, base: dict[str, Any], **other: Any) -> Alerts:
    return Alerts.model_validate({kind: [base | other]})


@pytest.mark.parametrize(
    ("kind", "base"),
    [("webhook", WEBHOOK), ("splunk", SPLUNK), ("alertmanager", ALERTMANAGER), ("mail", MAIL)],
)
def test_the_least_that_is_needed_is_enough(kind: str, base: dict[str, Any]) -> None:
    assert [each.name for each in check(kind, base).several] == [base["name"]]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://localhost", "http://[::1]:80/x", URL, URL + "/a/"]
)
def test_plain_text_stays_on_this_machine(url: str) -> None:
    assert check("webhook", WEBHOOK, url=url).webhook[0].url == url


@pytest.mark.parametrize("url", ["http://soc.example", "http://10.0.0.1", "http://localhost.example"])
def test_plain_text_goes_elsewhere_in_so_many_words_alone(url: str) -> None:
    with pytest.raises(ValidationError, match="is not loopback and there is no TLS"):
        check("webhook", WEBHOOK, url=url)
    assert check("webhook", WEBHOOK, url=url, plain_text_beyond_loopback=True).webhook[0].url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "soc.example",
        "ftp://soc.example",
        "https://",
        "https://u:p@soc.example",
        URL + "?key=1",
        URL + "#x",
    ],
)
def test_an_address_is_http_and_holds_no_secret(url: str) -> None:
    with pytest.raises(ValidationError, match=r"it has"):
        check("webhook", WEBHOOK, url=url)


@pytest.mark.parametrize(
    ("kind", "base", "other", "words"),
    [
        ("webhook", WEBHOOK, {"mode": "batched"}, "structured"),
        ("webhook", WEBHOOK, {"url": "https://[::1"}, "url"),
        ("webhook", WEBHOOK, {"url_file": "address"}, "one of url and url_file"),
        ("splunk", SPLUNK, {"url": ""}, "at least 1"),
        ("webhook", WEBHOOK, {"certificate_file": "a"}, "together"),
        ("webhook", WEBHOOK, {"timeout_seconds": 10}, "9"),
        ("webhook", WEBHOOK, {"proxy": "http://u:p@proxy"}, "a password"),
        ("splunk", SPLUNK, {"index": "Not An Index"}, "pattern"),
        ("alertmanager", ALERTMANAGER, {"username": "u"}, "together"),
        ("alertmanager", ALERTMANAGER, {"resend_seconds": 1}, "5"),
        ("mail", MAIL, {"recipients": []}, "at least 1"),
        ("mail", MAIL, {"recipients": ["a@b.example\r\nBcc: c@d.example"]}, "mail address"),
        ("mail", MAIL, {"recipients": ["Name <a@b.example>"]}, "mail address"),
        ("mail", MAIL, {"sender": "a@b.example>\n"}, "pattern"),
        ("mail", MAIL, {"security": "none"}, "starttls"),
        ("mail", MAIL, {"password_file": "p"}, "together"),
    ],
)
def test_what_makes_no_sense_is_refused(
    kind: str, base: dict[str, Any], other: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        check(kind, base, **other)


def test_names_are_unique_across_all_kinds() -> None:
    with pytest.raises(ValidationError, match="more than one channel is called hook"):
        Alerts.model_validate({"webhook": [WEBHOOK], "mail": [MAIL | {"name": "hook"}]})


TOML = """
[alerts]
console_url = "https://gateway.example"

[[alerts.webhook]]
name = "hook"
url = "https://soc.example/hook"
secret_file = "keys/secret"

[[alerts.mail]]
name = "mail"
host = "mail.example"
sender = "a@b.example"
recipients = ["soc@b.example"]
username = "u"
password_file = "/etc/password"
"""


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "gateway.toml"
    path.write_text(text)
    return load_settings(path)


def test_files_are_found_from_the_folder_of_the_settings(tmp_path: Path) -> None:
    alerts = loaded(tmp_path, TOML).alerts
    assert alerts.webhook[0].secret_file == tmp_path / "keys" / "secret"
    assert alerts.mail[0].password_file == Path("/etc/password")


def test_a_fault_names_the_channel_and_the_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"alerts\.webhook\.0: url: soc.example is not loopback"):
        loaded(tmp_path, TOML.replace("https://soc", "http://soc"))
    with pytest.raises(SettingsError, match=r"alerts\.mail\.0\.sender: it has to be a mail address"):
        loaded(tmp_path, TOML.replace("a@b.example", "nobody"))
    with pytest.raises(SettingsError, match=r"alerts\.webhook\.0\.secret: there is no such setting"):
        loaded(tmp_path, TOML.replace("secret_file", "secret"))


def test_the_page_of_settings_shows_paths_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "secret").write_text("whsec_hidden")
    settings = loaded(tmp_path, TOML)
    shown = str(SettingsView(settings).shown(Person("ada", frozenset({Role.OPERATOR}))))
    assert "keys/secret" in shown
    assert "whsec_hidden" not in shown
