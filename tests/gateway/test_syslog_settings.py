"""What the settings of a syslog receiver may be."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from gateway.alerts.rfc5424 import FACILITIES
from gateway.channel_settings import Alerts
from gateway.settings import load_settings
from gateway.syslog_settings import Facility, SyslogSettings

BASE = {"name": "soc", "host": "siem.example"}


@pytest.mark.parametrize(
    ("transport", "port", "longest"), [("tls", 6514, 8192), ("tcp", 601, 8192), ("udp", 514, 2048)]
)
def test_ports_and_lengths_are_those_of_the_standards(transport: str, port: int, longest: int) -> None:
    settings = SyslogSettings.model_validate(BASE | {"transport": transport})
    assert (settings.address, settings.longest) == (("siem.example", port), longest)


def test_every_facility_that_may_be_set_has_its_number() -> None:
    assert set(get_args(Facility)) <= set(FACILITIES)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"transport": "tcp", "ca_file": "ca.pem"}, "ca_file: it needs transport"),
        ({"transport": "udp", "certificate_file": "a", "key_file": "b"}, "certificate_file: it needs"),
        ({"framing": "newline"}, "framing"),
        ({"certificate_file": "a.pem"}, "together"),
        ({"longest_bytes": 480}, "1024 or more"),
        ({"facility": "kern"}, "facility"),
    ],
)
def test_what_makes_no_sense_is_refused(other: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SyslogSettings.model_validate(BASE | other)


@pytest.mark.parametrize("name", ["file", "mqtt", "soc"])
def test_no_two_channels_have_one_name(name: str) -> None:
    channels = [BASE, BASE | {"name": name}]
    with pytest.raises(ValidationError, match=f"more than one channel is called {name}"):
        Alerts.model_validate({"syslog": channels})


def test_files_of_a_channel_are_taken_from_the_folder_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('[[alerts.syslog]]\nname = "soc"\nhost = "siem"\nca_file = "ca.pem"\n')
    assert load_settings(path).alerts.syslog[0].ca_file == tmp_path / "ca.pem"
