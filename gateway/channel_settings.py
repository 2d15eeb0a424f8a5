"""The settings of the channels by which the SOC is told: one class for each kind of other side."""

import re
from collections import Counter
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gateway.channel_section import ChannelSettings, TlsSettings
from gateway.section import Section, is_loopback
from gateway.setting_faults import FORM
from gateway.syslog_settings import SyslogSettings

MAIL_ADDRESS = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
"""An address that needs no quoting (RFC 5321, Mailbox with a Dot-string)."""


ADDRESS = re.compile(
    r"https?://(?:[^@/?#]*@)?(?:\[[0-9a-f:.]+\]|[^\s:/?#@\[\]]+)(?::\d{1,5})?(?:[/?#][!-~]*)?", re.IGNORECASE
)
"""An HTTP address without white space; more is said where it has a user."""


class HttpChannelSettings(TlsSettings):
    """A channel whose other side speaks HTTP."""

    url: str = Field(
        min_length=1, description="Address of the other side, `https://…`; `http://…` on loopback alone."
    )
    plain_text_beyond_loopback: bool = Field(
        False,
        description="Send beyond loopback without TLS: what is sent can be read and changed on the way.",
    )
    proxy: str = Field("", description="HTTP proxy, `http://HOST:PORT`; the environment's is never used.")

    @field_validator("url", "proxy")
    @classmethod
    def _check_address(cls, url: str) -> str:
        return url and plain_address(url)

    @model_validator(mode="after")
    def _check_plain_text(self) -> Self:
        self.check_protected(self.url)
        return self

    def check_protected(self, url: str) -> None:
        """Raise `ValueError` where what is sent to *url* could be read on the way and nobody said that it may."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "http" and not (is_loopback(host) or self.plain_text_beyond_loopback):
            msg = f"url: {host} is not loopback and there is no TLS; write https://, or plain_text_beyond_loopback = true"
            raise ValueError(msg)


class WebhookSettings(HttpChannelSettings):
    """CloudEvents for a receiver of webhooks."""

    url: str = Field(
        "", description="Address of the receiver, `https://…`; `http://…` on loopback alone. Or `url_file`."
    )
    url_file: Path | None = Field(
        None, description="File with the address instead, where that holds a key and is a secret itself."
    )
    secret_file: Path = Field(
        description="File with the secret that signs, `whsec_…` (Standard Webhooks); a second one on the next "
        "line while it is being replaced."
    )
    mode: Literal["structured", "binary"] = Field(
        "structured",
        description="Where CloudEvents attributes stand: in the body, which is signed, or in headers, which are not.",
    )

    @model_validator(mode="after")
    def _check_one_address(self) -> Self:
        if bool(self.url) == (self.url_file is not None):
            msg = "it has to have one of url and url_file"
            raise ValueError(msg)
        return self


class SplunkSettings(HttpChannelSettings):
    """Events for Splunk's HTTP Event Collector (HEC)."""

    token_file: Path = Field(description="File with the token of the collector.")
    index: str = Field(
        "",
        pattern=r"^([a-z0-9_][a-z0-9_-]{0,79})?$",
        json_schema_extra={FORM: "a name of an index: small letters, digits, hyphens and underscores"},
        description="Index to write to; empty for the token's own.",
    )
    host: str = Field("", max_length=255, description="Value of `host`; empty for `instance`.")
    source: str = Field("adt-gateway", max_length=255, description="Value of `source`.")
    sourcetype: str = Field("adt_gateway:finding", max_length=255, description="Value of `sourcetype`.")
    acknowledge: bool = Field(
        False,
        description="Wait until the indexer has acknowledged; the token needs it turned on (not on Splunk Cloud).",
    )


class AlertmanagerSettings(HttpChannelSettings):
    """Alerts for Prometheus Alertmanager; each member of a cluster is a channel of its own."""

    resend_seconds: int = Field(
        60,
        ge=5,
        le=3600,
        description="How often what is open is sent again; Alertmanager calls it resolved after four times this.",
    )
    username: str = Field("", max_length=255, description="User for HTTP basic authentication.")
    password_file: Path | None = Field(None, description="File with that user's password.")

    @model_validator(mode="after")
    def _check_user(self) -> Self:
        if bool(self.username) != (self.password_file is not None):
            msg = "username and password_file are set together or not at all"
            raise ValueError(msg)
        return self


class MailSettings(TlsSettings):
    """Mail, one for each incident and change."""

    host: str = Field(min_length=1, description="Name or address of the SMTP server.")
    port: int = Field(587, ge=1, le=65535, description="Its port: 587 for `starttls`, 465 for `tls`.")
    security: Literal["starttls", "tls"] = Field(
        "starttls", description="TLS after STARTTLS or from the first byte; never without."
    )
    username: str = Field("", max_length=255, description="User at the SMTP server.")
    password_file: Path | None = Field(None, description="File with that user's password.")
    sender: str = Field(
        pattern=MAIL_ADDRESS,
        json_schema_extra={FORM: "a mail address, such as adt-gateway@example.org"},
        description="Address that the mails come from.",
    )
    recipients: tuple[str, ...] = Field(
        min_length=1, max_length=50, description="Addresses that the mails go to."
    )

    @field_validator("recipients")
    @classmethod
    def _check_recipients(cls, recipients: tuple[str, ...]) -> tuple[str, ...]:
        for each in recipients:
            if not re.fullmatch(MAIL_ADDRESS, each):
                msg = "each has to be a mail address, such as soc@example.org"
                raise ValueError(msg)
        return recipients

    @model_validator(mode="after")
    def _check_user(self) -> Self:
        if bool(self.username) != (self.password_file is not None):
            msg = "username and password_file are set together or not at all"
            raise ValueError(msg)
        return self


class Alerts(Section):
    """Where candidate incidents are sent."""

    file: Path | None = Field(None, description="JSON-lines file that gets one line for each alert.")
    mqtt: bool = Field(True, description="Publish alerts at the broker, where one is set.")
    mqtt_expiry_seconds: int = Field(
        604_800,
        ge=0,
        le=4_294_967_295,
        description="How long the broker keeps an alert for a receiver that is away; 0 for ever.",
    )
    file_classified: bool = Field(
        False, description="The file may carry what is known of incidents marked `classified`."
    )
    mqtt_classified: bool = Field(
        False, description="The broker may carry what is known of incidents marked `classified`."
    )
    file_heartbeat_seconds: int = Field(
        0, ge=0, le=86_400, description='How often the file says "nothing is wrong"; 0 for never.'
    )
    mqtt_heartbeat_seconds: int = Field(
        0,
        ge=0,
        le=86_400,
        description='How often "nothing is wrong" is published as an alert, beside the beat of `mqtt.heartbeat_seconds`; 0 for never.',
    )
    give_up_attempts: int = Field(
        50,
        ge=3,
        le=100_000,
        description="Failed attempts after which an alert is a dead letter, where its channel takes others.",
    )
    give_up_hours: int = Field(
        168, ge=1, le=8760, description="Age at which an alert that is not taken is a dead letter."
    )
    keep_sent_days: int = Field(
        30,
        ge=1,
        le=3660,
        description="How long alerts that were taken are kept; those of an incident that is not closed are kept longer.",
    )
    console_url: str = Field(
        "",
        description="Address of the console as people at the SOC reach it; alerts link to their incident there.",
    )
    syslog: tuple[SyslogSettings, ...] = Field((), description="Syslog receivers.")
    webhook: tuple[WebhookSettings, ...] = Field((), description="Receivers of signed webhooks.")
    splunk: tuple[SplunkSettings, ...] = Field((), description="Splunk HTTP Event Collectors.")
    alertmanager: tuple[AlertmanagerSettings, ...] = Field((), description="Prometheus Alertmanagers.")
    mail: tuple[MailSettings, ...] = Field((), description="Groups of people who get mail.")

    @property
    def several(self) -> tuple[ChannelSettings, ...]:
        """The channels that are set by tables of their own, of all kinds."""
        fields = (getattr(self, name) for name in type(self).model_fields)
        return tuple(
            each
            for field in fields
            if isinstance(field, tuple)
            for each in field
            if isinstance(each, ChannelSettings)
        )

    @property
    def cleared(self) -> frozenset[str]:
        """Names of the channels that may carry what is known of classified incidents."""
        own = {"file": self.file_classified, "mqtt": self.mqtt_classified}
        return frozenset({name for name, may in own.items() if may}) | {
            each.name for each in self.several if each.classified
        }

    @property
    def heartbeats(self) -> dict[str, int]:
        """How often each channel says that nothing is wrong, in seconds, by name; 0 for never."""
        own = {"file": self.file_heartbeat_seconds, "mqtt": self.mqtt_heartbeat_seconds}
        return own | {each.name: each.heartbeat_seconds for each in self.several}

    @field_validator("console_url")
    @classmethod
    def _check_console(cls, url: str) -> str:
        return url and plain_address(url)

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = Counter(["file", "mqtt", *(each.name for each in self.several)])
        twice = sorted(name for name, times in names.items() if times > 1)
        if twice:
            msg = f"more than one channel is called {' and '.join(twice)}; each needs a name of its own"
            raise ValueError(msg)
        return self


def plain_address(url: str, *, with_key: bool = False) -> str:
    """Return an HTTP address; raise `ValueError` where it is none or more stands in it.

    A password or a key in an address would be shown with the settings; *with_key* it may have a query.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not ADDRESS.fullmatch(url):
        msg = "it has to be https://HOST… or http://HOST…"
        raise ValueError(msg)
    if "@" in parts.netloc or parts.fragment or (parts.query and not with_key):
        msg = "it has a user, a password, a query or a fragment; name host, port and path alone"
        raise ValueError(msg)
    return url
