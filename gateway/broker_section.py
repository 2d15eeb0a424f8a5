"""The settings of the connection to an MQTT broker."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from gateway.section import Section


class BrokerSection(Section):
    """Where the broker is, how it is believed and how it believes us."""

    host: str = Field(description="Name or address of the MQTT 5 broker.")
    port: int = Field(1883, ge=1, le=65535, description="Port of the broker; with TLS it is 8883 as a rule.")
    username: str | None = Field(None, description="User at the broker.")
    password_file: Path | None = Field(None, description="File with that user's password.")
    ca_file: Path | None = Field(None, description="PEM file to verify the broker with; turns TLS on.")
    certificate_file: Path | None = Field(
        None, description="PEM file with our client certificate and its chain, where the broker wants one."
    )
    key_file: Path | None = Field(None, description="PEM file with the private key of that certificate.")
    will_delay_seconds: int = Field(
        5,
        ge=0,
        le=3600,
        description="How long the broker waits before it says `offline` for a gateway that vanished and may be back.",
    )

    @model_validator(mode="after")
    def _check_identity(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            msg = "certificate_file and key_file are set together or not at all"
            raise ValueError(msg)
        if self.certificate_file and not self.ca_file:
            msg = "certificate_file: client certificates need TLS, set ca_file"
            raise ValueError(msg)
        if self.password_file and self.username is None:
            msg = "password_file: it needs username"
            raise ValueError(msg)
        return self
