"""The tables of the settings file about who somebody is: an OpenID Connect provider, and passkeys."""

from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gateway.section import Section, is_loopback

RoleName = Literal["submitter", "approver", "operator", "analyst", "auditor", "admin"]
"""Roles of people; machines do not come through a provider."""

PasskeyUse = Literal["off", "optional", "required"]

LONGEST_ISSUER: Final = 500


def secure_address(url: str, *, path: bool) -> str:
    """Return *url* without a slash at its end; raise `ValueError` unless it is https, or http on this machine."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = "it has to be https://HOST…"
        raise ValueError(msg)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        msg = "it has to be https://…; http://… is for this machine alone"
        raise ValueError(msg)
    if "@" in parts.netloc or parts.query or parts.fragment or (parts.path.rstrip("/") and not path):
        msg = "it has more than scheme, host and port"
        raise ValueError(msg)
    return url.rstrip("/") if not path else url


class Oidc(Section):
    """An OpenID Connect provider through which people sign in."""

    issuer: str = Field(
        max_length=LONGEST_ISSUER, description="Issuer of the provider, letter for letter as it names itself."
    )
    name: str = Field(
        "your organisation", min_length=1, max_length=60, description="What people call it: on the button."
    )
    client_id: str = Field(min_length=1, description="What the provider calls this gateway.")
    client_secret_file: Path | None = Field(
        None,
        description="File with the secret that the provider gave; without it the client is a public one.",
    )
    origin: str = Field(
        description="Address of the console as browsers see it, `https://HOST`; the provider is told to lead back there."
    )
    scopes: tuple[str, ...] = Field(
        ("openid", "profile", "email"), description="What is asked for; `openid` is among it."
    )
    group_claim: str = Field(
        "groups", min_length=1, description="Claim of the ID token that lists the groups."
    )
    roles: dict[str, RoleName] = Field(min_length=1, description="Groups and the role that each gives.")
    ca_file: Path | None = Field(
        None, description="PEM file to verify the provider with, instead of the system's authorities."
    )
    max_age_seconds: int = Field(
        900,
        ge=0,
        le=86_400,
        description="How long ago people may have signed in at the provider, by its `auth_time`; 0 where it does not say.",
    )
    timeout_seconds: float = Field(10.0, gt=0, le=60, description="How long the provider may take to answer.")
    local_accounts: bool = Field(
        True, description="Whether people with a password of the gateway's own may sign in beside it."
    )

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, issuer: str) -> str:
        return secure_address(issuer, path=True)

    @field_validator("origin")
    @classmethod
    def _check_origin(cls, origin: str) -> str:
        return secure_address(origin, path=False)

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes or any(not scope or " " in scope for scope in scopes):
            msg = "they are single words, and openid is among them"
            raise ValueError(msg)
        return scopes


class PasskeySettings(Section):
    """Passkeys, with which people approve files."""

    origin: str = Field(
        description="Address of the console as browsers see it, `https://HOST`; a passkey works there alone."
    )
    rp_id: str = Field(
        "", description="Domain that passkeys belong to; empty for the host of the origin. Never change it."
    )

    @field_validator("origin")
    @classmethod
    def _check_origin(cls, origin: str) -> str:
        return secure_address(origin, path=False)

    @model_validator(mode="after")
    def _check_domain(self) -> Self:
        host = urlsplit(self.origin).hostname or ""
        if is_loopback(host) and host != "localhost":
            msg = "origin: a passkey belongs to a name, not to an address; on this machine that is localhost"
            raise ValueError(msg)
        if self.rp_id and host != self.rp_id and not host.endswith(f".{self.rp_id}"):
            msg = "rp_id: it is the host of the origin, or a domain above it"
            raise ValueError(msg)
        return self

    @property
    def domain(self) -> str:
        """The domain that passkeys belong to."""
        return self.rp_id or urlsplit(self.origin).hostname or ""


class Approval(Section):
    """How files are approved."""

    passkey: PasskeyUse = Field(
        "off",
        description="Whether an approval is made with a passkey: `off`, `optional`, or `required` (then at the console alone).",
    )
