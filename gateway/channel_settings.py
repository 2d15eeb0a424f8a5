"""The settings of the channels by which the SOC is told: one class for each kind of other side."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from gateway.section import Section

SHORTEST_SYSLOG: Final = 1024
"""Bytes that header and structured data always fit into, with room for a body."""


class ChannelSettings(Section):
    """What every channel has that can be set more than once: `[[alerts.KIND]]`."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,31}$",
        description="Name of the channel: unique, in pages, metrics and the outbox.",
    )
    heartbeat_seconds: int = Field(
        0, ge=0, le=86_400, description='How often it says "nothing is wrong"; 0 for never.'
    )
    classified: bool = Field(
        False,
        description="May carry what is known of incidents marked `classified`; others get a notice without facts.",
    )


Facility = Literal[
    "user", "daemon", "auth", "authpriv", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"
]  # fmt: skip
"""Facilities of RFC 5424 that are for programs."""


class SyslogSettings(ChannelSettings):
    """A syslog receiver (RFC 5424): over TLS (RFC 5425), TCP (RFC 6587) or UDP (RFC 5426)."""

    transport: Literal["tls", "tcp", "udp"] = Field(
        "tls", description="TCP can be read and changed on the way, UDP can be lost too."
    )
    host: str = Field(description="Name or address of the receiver.")
    port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port of the receiver; 0 for 6514 with TLS, 601 over TCP, 514 over UDP.",
    )
    ca_file: Path | None = Field(
        None, description="PEM file to verify the receiver with, instead of the system's authorities."
    )
    server_name: str | None = Field(
        None, description="Name in the receiver's certificate, where that is not `host`."
    )
    certificate_file: Path | None = Field(
        None, description="PEM file with our client certificate and its chain, where the receiver wants one."
    )
    key_file: Path | None = Field(None, description="PEM file with the private key of that certificate.")
    framing: Literal["octet-counting", "newline"] = Field(
        "octet-counting", description="How TCP tells messages apart; TLS always counts octets."
    )
    format: Literal["cef", "text"] = Field(
        "cef", description="The body: CEF, or the title for people; structured data is there always."
    )
    facility: Facility = Field("local4", description="Facility of every message.")
    enterprise_number: int = Field(
        32473,
        ge=1,
        le=4_294_967_295,
        description="Your private enterprise number (IANA), which the structured data is named by; 32473 is the one for examples.",
    )
    longest_bytes: int = Field(
        0,
        ge=0,
        le=65_507,
        description="What is longer is cut, and says so; 0 for what a receiver should take: 2048 over UDP, else 8192.",
    )
    timeout_seconds: float = Field(
        8.0, ge=0.1, le=9.0, description="How long connecting and handing over may take together."
    )
    repeat_seconds: float = Field(
        60.0,
        ge=0,
        le=3600,
        description="Where a connection ends, what was sent so long before is sent again: syslog has no receipt.",
    )

    @model_validator(mode="after")
    def _check_transport(self) -> Self:
        needs_tls = {"ca_file", "server_name", "certificate_file", "key_file"} & self.model_fields_set
        if self.transport != "tls" and needs_tls:
            msg = f'{min(needs_tls)}: it needs transport = "tls"'
            raise ValueError(msg)
        if self.transport != "tcp" and self.framing != "octet-counting":
            msg = 'framing: "newline" needs transport = "tcp"'
            raise ValueError(msg)
        if (self.certificate_file is None) != (self.key_file is None):
            msg = "certificate_file and key_file are set together or not at all"
            raise ValueError(msg)
        if 0 < self.longest_bytes < SHORTEST_SYSLOG:
            msg = f"longest_bytes: it has to be 0, or {SHORTEST_SYSLOG} or more"
            raise ValueError(msg)
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, with the port's default filled in."""
        return self.host, self.port or {"tls": 6514, "tcp": 601, "udp": 514}[self.transport]

    @property
    def longest(self) -> int:
        """Bytes of the longest message, with its default filled in (RFC 5425 4.3.1, RFC 5426 3.2)."""
        return self.longest_bytes or (2048 if self.transport == "udp" else 8192)


class Alerts(Section):
    """Where candidate incidents are sent."""

    file: Path | None = Field(None, description="JSON-lines file that gets one line for each alert.")
    mqtt: bool = Field(True, description="Publish alerts at the broker, where one is set.")
    syslog: tuple[SyslogSettings, ...] = Field((), description="Syslog receivers: `[[alerts.syslog]]`.")

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        channels = [each for name in type(self).model_fields for each in _listed(getattr(self, name))]
        names = ["file", "mqtt", *(each.name for each in channels)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"more than one channel is called {' and '.join(twice)}"
            raise ValueError(msg)
        return self


def _listed(value: object) -> list[ChannelSettings]:
    """Return the channels that a setting holds."""
    found = value if isinstance(value, tuple) else ()
    return [each for each in found if isinstance(each, ChannelSettings)]
