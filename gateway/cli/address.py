"""Where the client verbs find the daemon, and how they know: told, left by the daemon, set, or by default."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.settings import Settings

DEFAULT_URL: Final = "http://127.0.0.1:8470"
VARIABLE: Final = "ADT_GATEWAY_URL"


class Address(msgspec.Struct, frozen=True):
    """The daemon's address, and where it is from, in words."""

    url: str
    source: str


def daemon_address(config: Path | None) -> Address:
    """Return the address in the environment; else the one that the daemon of *config* left, or that is set there.

    Raises nothing: without settings that can be read it is the default. An empty variable counts as not set.
    """
    told = os.environ.get(VARIABLE, "").strip()
    if told:
        return Address(told.rstrip("/"), VARIABLE)
    not_set = f"{VARIABLE} is not set"
    if config is None:
        return Address(DEFAULT_URL, f"the default; {not_set}")
    from gateway.settings import load_settings

    try:
        settings = load_settings(config)
    except SettingsError as error:
        return Address(DEFAULT_URL, f"the default; {not_set}, {config} gives none [{error.code}]")
    return _of_settings(settings, config, not_set)


def _of_settings(settings: "Settings", config: Path, not_set: str) -> Address:
    from gateway.section import ADDRESS_FILE, http_address

    left = settings.data_directory / ADDRESS_FILE
    try:
        return Address(left.read_text(encoding="ascii").strip(), f"from {left}; {not_set}")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or "").lower() if isinstance(error, OSError) else "no text"
    url = http_address(
        settings.http.host, settings.http.port, tls=settings.http.tls_certificate_file is not None
    )
    return Address(url, f"http.host and http.port of {config}; {not_set}, {left}: {why}")
