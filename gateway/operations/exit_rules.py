"""The profile that Exit Quarantine files are written by."""

import hashlib
from pathlib import Path

import msgspec

from gateway.errors import SettingsError
from thresholds.errors import ThresholdsError
from thresholds.exit_profile import ExitProfile, parse_exit_profile


class ExitRules(msgspec.Struct, frozen=True):
    """A profile and the TOML file that it was read from."""

    profile: ExitProfile
    text: bytes

    @property
    def sha256(self) -> str:
        """What the profile is known by: its id stays the same where somebody edits it."""
        return hashlib.sha256(self.text).hexdigest()


def load_exit_rules(path: Path) -> ExitRules:
    """Read the profile at *path*; raise `SettingsError` where it cannot be used."""
    try:
        text = path.read_bytes()
        return ExitRules(parse_exit_profile(text.decode()), text)
    except (OSError, UnicodeDecodeError, ThresholdsError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        msg = f"the profile {path} cannot be used: {why}"
        remedy = "Correct it, or quarantine.profile; see docs/quarantine.md."
        raise SettingsError("profile_unusable", msg, remedy) from error
