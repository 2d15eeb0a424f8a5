"""What the settings of every channel have that can be set more than once."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from gateway.section import Section


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


class TlsSettings(ChannelSettings):
    """A channel whose other side is reached by TLS."""

    ca_file: Path | None = Field(
        None, description="PEM file to verify the other side with, instead of the system's authorities."
    )
    certificate_file: Path | None = Field(
        None,
        description="PEM file with a client certificate and its chain, where the other side asks for one.",
    )
    key_file: Path | None = Field(None, description="PEM file with the private key of that certificate.")
    timeout_seconds: float = Field(
        8.0, gt=0, le=9, description="How long one attempt may take, from the name to the last byte."
    )

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            msg = "certificate_file and key_file are set together or not at all"
            raise ValueError(msg)
        return self
