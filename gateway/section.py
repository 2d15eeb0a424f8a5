"""What a table of the settings file is, and the table for passing requests on."""

import ipaddress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

ADDRESS_FILE: Final = "address"
"""In the data directory while the daemon runs: where it listens."""


class Section(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


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


def is_loopback(host: str) -> bool:
    """Tell whether *host*, a name or an address, is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def http_address(host: str, port: int) -> str:
    """Return the URL of *host*, a name or an address, and *port*."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
