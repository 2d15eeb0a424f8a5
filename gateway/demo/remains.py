"""What an earlier demonstration left that can be used again, and what this one leaves for a shell."""

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from hsm.path import load_certificates

AT_LEAST: Final = timedelta(days=1)
"""A token whose certificate ends sooner is made anew."""


def token_lasts(folder: Path, now: float) -> bool:
    """Tell whether *folder* holds a certified token whose certificates are valid for a day yet."""
    try:
        files = [(folder / name).read_bytes() for name in ("chain.pem", "trust.pem")]
        certificates = [certificate for pem in files for certificate in load_certificates(pem)]
    except (OSError, ValueError):
        return False
    end = min(certificate.not_valid_after_utc for certificate in certificates)
    return end - datetime.fromtimestamp(now, UTC) > AT_LEAST


OF_A_RUN: Final = (
    *("data", "downloaded", "requests", "broker", "daemon.log", "broker.log"),
    *("adt-faulty.csv", "adt-thresholds.csv", "audit.jsonl", "audit-forged.jsonl"),
)
"""What one run makes; the token is used again."""


def put_aside(folder: Path, now: float) -> Path | None:
    """Move what an earlier run left in *folder* into a folder of its own; return that, or None for nothing."""
    found = [folder / name for name in OF_A_RUN if (folder / name).exists()]
    if not found:
        return None
    kept = folder / "earlier" / datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept.mkdir(parents=True, mode=0o700)
    for path in found:
        path.rename(kept / path.name)
    return kept


def environment_script(config: Path, url: str, token_file: Path) -> str:
    """Return a line for a shell that lets the command ask the daemon of the demonstration."""
    variables = {
        "ADT_GATEWAY_CONFIG": str(config),
        "ADT_GATEWAY_URL": url,
        "ADT_GATEWAY_TOKEN_FILE": str(token_file),
    }
    return f"export {' '.join(f'{name}={shlex.quote(value)}' for name, value in variables.items())}\n"
