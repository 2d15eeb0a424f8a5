"""What ADT files are checked against here: the profile, the catalogue and our own User IDs."""

import hashlib
from collections.abc import Mapping

import msgspec

from gateway.errors import SettingsError
from gateway.settings import Settings
from thresholds.adt_file import AdtCheck, check_adt_file
from thresholds.catalogue import Catalogue, load_catalogue
from thresholds.errors import ThresholdsError
from thresholds.model import ANY_SERVICE, UserId
from thresholds.profile import Profile, parse_profile


class FileRules(msgspec.Struct, frozen=True):
    """One set of rules for the daemon and for `adt-gateway check`."""

    profile: Profile
    profile_text: bytes
    """The TOML file that *profile* was read from."""
    catalogue: Catalogue
    service_users: Mapping[UserId, frozenset[str]]

    @property
    def profile_sha256(self) -> str:
        """What the profile is known by: its id stays the same where somebody edits it."""
        return hashlib.sha256(self.profile_text).hexdigest()

    def check(self, name: str, data: bytes, now: int) -> AdtCheck:
        """Check the bytes of a file; takes up to a second for the largest, so call it in a thread."""
        return check_adt_file(
            data,
            name=name,
            profile=self.profile,
            catalogue=self.catalogue,
            service_users=self.service_users,
            now=now,
        )

    def service_name(self, service: str) -> str:
        """Return what the catalogue calls a service reference variant or a service reference."""
        if service == ANY_SERVICE:
            return "any service"
        covered = self.catalogue.covered_by(service)
        return covered[0].name if len(covered) == 1 else f"{len(covered)} variants"


class Rulebook:
    """The rules of every profile that a file was met under; those set last are for new files."""

    def __init__(self, rules: FileRules) -> None:
        self._current = rules
        self._by_sha256 = {rules.profile_sha256: rules}

    @property
    def current(self) -> FileRules:
        """What new files are checked against."""
        return self._current

    def of(self, profile_sha256: str | None) -> FileRules | None:
        """Return the rules of the profile of this SHA-256, where it is known; of none, those of now."""
        return self._current if profile_sha256 is None else self._by_sha256.get(profile_sha256)

    def learn(self, text: bytes) -> FileRules:
        """Take in the profile of an earlier file; raise `ThresholdsError` where it cannot be used."""
        profile = parse_profile(text.decode())
        rules = msgspec.structs.replace(self._current, profile=profile, profile_text=text)
        self._by_sha256[rules.profile_sha256] = rules
        return rules

    def use(self, rules: FileRules) -> None:
        """Take *rules* for new files; files of an earlier profile keep it, with our User IDs as they are now."""
        known = [*self._by_sha256.values(), rules]
        self._by_sha256 = {
            each.profile_sha256: msgspec.structs.replace(each, service_users=rules.service_users)
            for each in known
        }
        self._current = rules


def load_rules(settings: Settings) -> FileRules:
    """Read the profile that *settings* name; raise `SettingsError` where it cannot be used."""
    path = settings.adt_files.profile
    try:
        text = path.read_bytes()
        profile = parse_profile(text.decode())
    except (OSError, UnicodeDecodeError, ThresholdsError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        msg = f"the profile {path} cannot be used: {why}"
        raise SettingsError(
            "profile_unusable", msg, "Correct it, or adt_files.profile; see docs/file-profiles.md."
        ) from error
    users = {UserId(user.user_id.upper()): frozenset(user.roles) for user in settings.service_users}
    return FileRules(profile, text, load_catalogue(), users)
