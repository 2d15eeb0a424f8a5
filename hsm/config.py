"""Where a token is found. No secret is in here: the PIN stays in its file."""

from pathlib import Path

import msgspec


class TokenConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a token, its key and its PIN are found."""

    module: str
    """Path of the vendor's PKCS#11 module."""
    token_label: str
    key_label: str
    pin_file: Path
    """Read at each login, never kept."""
    refusal_file: Path
    """Where a PIN that the token refused is remembered, as a salted fingerprint."""
    trust_file: Path | None = None
    """PEM certificates that are trusted as roots; needed to import certificates and to sign."""
    timeout_seconds: float = 30.0
    """How long the token may take for one request."""
    token_serials: tuple[str, ...] = ()
    """Serial numbers that are permitted; empty permits any."""
    environment: tuple[tuple[str, str], ...] = ()
    """Added to the environment of the token's process, such as `SOFTHSM2_CONF`."""
