"""What a table of the settings file is, and the tables that several parts share."""

import ipaddress
import re
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ADDRESS_FILE: Final = "address"
"""In the data directory while the daemon runs: where it listens."""


class Section(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Http(Section):
    """Where the daemon listens, and with which certificate."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8470, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    tls_certificate_file: Path | None = Field(
        None, description="PEM file with the server's certificate and its chain; turns TLS on."
    )
    tls_key_file: Path | None = Field(None, description="PEM file with the private key of that certificate.")
    client_ca_file: Path | None = Field(
        None, description="PEM file with the authorities whose client certificates are looked at."
    )
    plain_text_beyond_loopback: bool = Field(
        False,
        description="Listen beyond loopback without TLS: passwords and access tokens can be read on the way.",
    )

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            msg = "tls_certificate_file and tls_key_file are set together or not at all"
            raise ValueError(msg)
        if self.client_ca_file and not self.tls_certificate_file:
            msg = "client_ca_file: client certificates need TLS, set tls_certificate_file"
            raise ValueError(msg)
        if not (self.tls_certificate_file or is_loopback(self.host) or self.plain_text_beyond_loopback):
            msg = (
                f"host: {self.host} is not loopback and there is no TLS; set tls_certificate_file and tls_key_file, "
                "or plain_text_beyond_loopback = true"
            )
            raise ValueError(msg)
        return self


class Dcc(Section):
    """What the DCC tells us."""

    certificates_folder: Path | None = Field(
        None,
        description="Folder with the certificates (PEM) by which the DCC's signatures are checked; "
        "without it no alert is believed.",
    )
    queue_limit: int = Field(
        5000, ge=100, le=100_000, description="Messages of the DCC that may wait; above it senders get 503."
    )
    kept_unbelieved: int = Field(
        10_000,
        ge=0,
        le=1_000_000,
        description="Alerts of each sort (unsigned, wrong, unknown_signer, unchecked) that are kept though they are "
        "not believed; more are counted alone.",
    )
    sent_seconds: int = Field(
        86_400,
        ge=7200,
        le=604_800,
        description="How long it is remembered which requests left, to know those that the DCC holds.",
    )
    expected_seconds: int = Field(
        3600,
        ge=60,
        le=86_400,
        description="After a quarantine level was passed, how long until a missing quarantine of the DCC is shown as a difference.",
    )


class SessionSettings(Section):
    """How long somebody stays signed in to the console."""

    idle_minutes: int = Field(
        30, ge=1, le=1440, description="A session ends when it was not used for so long."
    )
    longest_hours: int = Field(12, ge=1, le=168, description="A session ends so long after its sign-in.")


class ClientCertificate(Section):
    """A client certificate and the machine that it stands for."""

    sha256: str = Field(
        pattern=r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$",
        description="SHA-256 of the certificate (DER) in hexadecimal, with or without colons.",
    )
    person: str = Field(description="Name of the person with the role adaptor whom it stands for.")

    @property
    def digest(self) -> str:
        """The SHA-256 in lower case without colons."""
        return self.sha256.replace(":", "").lower()


class Forward(Section):
    """Passing requests on to the DCC adaptor."""

    url: str = Field(description="Address of the DCC adaptor, `http://…` or `https://…`.")
    ca_file: Path | None = Field(
        None, description="PEM file to verify the adaptor with, instead of the system's authorities."
    )
    timeout_seconds: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="How long the adaptor may take to be reached, and to go on answering.",
    )
    authenticate: bool = Field(
        True,
        description="Whether senders need an access token with the role adaptor; `false` only on loopback.",
    )
    counting_seconds: float = Field(
        60.0,
        ge=0,
        le=600,
        description="How long it is tried to count a request that was passed on, while the store is away.",
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = "it has to be http://HOST… or https://HOST…"
            raise ValueError(msg)
        if "@" in parts.netloc or parts.query or parts.fragment:
            msg = "it has a user, a password, a query or a fragment; name host, port and path alone"
            raise ValueError(msg)
        return url.rstrip("/")


class Forecast(Section):
    """Warnings before a quarantine."""

    warn_seconds: int = Field(
        1800,
        ge=0,
        le=86_400,
        description="How long before an expected quarantine a candidate incident is opened; 0 for never.",
    )


class IncidentSettings(Section):
    """How candidate incidents are worked on."""

    group_seconds: int = Field(
        3600,
        ge=0,
        le=86_400,
        description="Breaches of one User ID within so long, and what the DCC holds of it, are put into one group; "
        "0 for never.",
    )
    attachment_kilobytes: int = Field(
        1024, ge=1, le=16_384, description="Size of one attachment at the most (1 kilobyte is 1 024 bytes)."
    )
    attachments: int = Field(50, ge=0, le=1000, description="Attachments of one incident at the most.")


TIME_OF_DAY: Final = r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"


class Silence(Section):
    """How long each source may bring nothing."""

    http_seconds: int = Field(0, ge=0, description="For requests over HTTP; 0 for ever.")
    mqtt_seconds: int = Field(0, ge=0, description="For requests over MQTT; 0 for ever.")
    forward_seconds: int = Field(0, ge=0, description="For requests that are passed on; 0 for ever.")
    drop_folder_seconds: int = Field(0, ge=0, description="For files in the drop folder; 0 for ever.")
    hours_from: str = Field(
        "00:00", pattern=TIME_OF_DAY, description="UTC time of day from which the sources should speak."
    )
    hours_until: str = Field(
        "24:00",
        pattern=TIME_OF_DAY,
        description="UTC time of day until which they should; one before `hours_from` is on the next day.",
    )
    days: tuple[Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ...] = Field(
        (), description="Days on which those hours begin; empty for every day."
    )


def is_loopback(host: str) -> bool:
    """Tell whether *host*, a name or an address, is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def http_address(host: str, port: int, *, tls: bool = False) -> str:
    """Return the URL of *host*, a name or an address, and *port*."""
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


URL_FORMS: Final = ("sqlite+aiosqlite:////", "postgresql+asyncpg://")
PASSWORD_IN_URL: Final = re.compile(r"://[^:/]*:[^@]*@|[?&]password=", re.IGNORECASE)
"""What SQLAlchemy takes for a password, or hands to the driver as one."""


class Store(Section):
    """Where everything is kept."""

    url: str = Field(
        "",
        description="SQLAlchemy URL (`sqlite+aiosqlite:////FOLDER/…` or `postgresql+asyncpg://…`); "
        "empty for `gateway.sqlite` in the data directory.",
    )
    password_file: Path | None = Field(None, description="File with the password of a PostgreSQL URL.")

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if PASSWORD_IN_URL.search(url):
            msg = "it holds a password; put that in a file and name the file by store.password_file"
            raise ValueError(msg)
        if url and not url.startswith(URL_FORMS):
            msg = f"it has to begin with {' or '.join(URL_FORMS)} (a SQLite path is absolute)"
            raise ValueError(msg)
        return url


class AdtFiles(Section):
    """ADT files and what is done with them."""

    profile: Path = Field(Path("profiles/adt-1.toml"), description="Profile of the file layout.")
    delivery_folder: Path | None = Field(
        None, description="Folder for signed files; empty for `delivered` in the data directory."
    )
    drop_folder: Path | None = Field(
        None, description="Folder in which other systems put CSV files to be submitted; without it none is."
    )
    drop_folder_person: str | None = Field(
        None, description="Person with the role submitter in whose name these files are submitted."
    )


class Log(Section):
    """Structured logs on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that shows.")
    format: Literal["console", "json"] = Field("json", description="For people or for machines.")
