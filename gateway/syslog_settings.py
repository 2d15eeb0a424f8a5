"""The settings of a syslog receiver."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from gateway.channel_section import TlsSettings

SHORTEST_SYSLOG: Final = 1024
"""Bytes that header and structured data always fit into, with room for a body."""

Facility = Literal[
    "user", "daemon", "auth", "authpriv", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"
]  # fmt: skip
"""Facilities of RFC 5424 that are for programs."""


class SyslogSettings(TlsSettings):
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
    server_name: str | None = Field(
        None, description="Name in the receiver's certificate, where that is not `host`."
    )
    framing: Literal["octet-counting", "newline"] = Field(
        "octet-counting", description="How TCP tells messages apart; TLS always counts octets."
    )
    format: Literal["cef", "ocsf", "text"] = Field(
        "cef",
        description="The body: CEF, OCSF as JSON, or the title for people; structured data is there always.",
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
