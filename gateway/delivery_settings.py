"""The settings of how signed files reach the DCC, and of what waits in quarantine."""

import re
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from gateway.section import Section

HOST_KEY: Final = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9@.-]{1,60} [A-Za-z0-9+/]{20,8000}={0,3}")
"""One public key as OpenSSH writes it: its type and base64, without a comment."""


class Sftp(Section):
    """An SFTP server that takes signed files."""

    host: str = Field(description="Name or address of the SFTP server.")
    port: int = Field(22, ge=1, le=65535, description="Port of the server.")
    username: str = Field(description="User at the server.")
    host_keys: tuple[str, ...] = Field(
        min_length=1,
        description="The server's public keys, each as `TYPE BASE64`; a server with another key is refused.",
    )
    key_file: Path | None = Field(None, description="File with the user's private key (OpenSSH or PEM).")
    password_file: Path | None = Field(
        None, description="File with the user's password; or the passphrase of `key_file`."
    )
    folder: str = Field(
        ".", min_length=1, max_length=500, description="Folder at the server; each file gets one below it."
    )
    timeout_seconds: float = Field(
        30.0, gt=0, le=600, description="How long the server may take for each step."
    )
    read_back: bool = Field(
        True,
        description="Read each file back and compare it; without it, where files may not be read there, the size.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.key_file or self.password_file):
            msg = "key_file: it or password_file is needed"
            raise ValueError(msg)
        if not all(HOST_KEY.fullmatch(key) for key in self.host_keys):
            msg = "host_keys: each is TYPE BASE64, as ssh-keyscan writes them behind the host's name"
            raise ValueError(msg)
        return self


class Delivery(Section):
    """How signed files reach the DCC: ADT files and Exit Quarantine files alike."""

    channel: Literal["folder", "sftp", "by_hand"] = Field(
        "folder",
        description="`folder`: `adt_files.delivery_folder`; `sftp`: as in `delivery.sftp`; `by_hand`: a person "
        "downloads each file and confirms that it was handed over.",
    )
    sftp: Sftp | None = Field(None, description="Needed for `sftp`.")
    retry_seconds: float = Field(
        30.0, ge=1, le=3600, description="Pause after a failed delivery; it doubles up to half an hour."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.channel == "sftp" and self.sftp is None:
            msg = "channel: sftp needs the table delivery.sftp"
            raise ValueError(msg)
        return self


class Quarantine(Section):
    """Decisions on quarantined requests."""

    profile: Path | None = Field(
        None,
        description="Profile of the Exit Quarantine file; empty for `exit-quarantine-1.toml` beside `adt_files.profile`.",
    )
    wait_seconds: int = Field(
        14_400,
        ge=60,
        le=2_678_400,
        description="How long a request may be held until it is seen to have ended; then it counts as overdue.",
    )
