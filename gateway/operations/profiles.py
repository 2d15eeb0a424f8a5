"""The rules that a file was submitted under, whatever profile is set since."""

import hashlib

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.signed_file import FileKind
from gateway.errors import GatewayError, NotFound
from gateway.operations.rules import FileRules, Rulebook
from gateway.store.adt_files import StoredFile
from gateway.store.profiles import get_profile
from thresholds.errors import ThresholdsError
from thresholds.exit_profile import ExitProfile, parse_exit_profile


class ProfileLost(GatewayError):
    """The profile that a file was submitted under cannot be had, so nobody can say what the file means."""


async def rules_of(connection: AsyncConnection, rulebook: Rulebook, file: StoredFile) -> FileRules:
    """Return the rules of *file*, read from the store where this process does not know them yet.

    Files that were submitted before profiles were kept have those that are set. Raises `ProfileLost`.
    """
    if file.kind is not FileKind.ADT:
        raise NotFound("not_an_adt_file", f"{file.called} sets no thresholds", f"Look at it: {file.look}")
    known = rulebook.of(file.profile_sha256)
    if known is not None or file.profile_sha256 is None:
        return known or rulebook.current
    try:
        return rulebook.learn(await stored_profile(connection, file))
    except (ThresholdsError, UnicodeDecodeError) as error:
        raise _unusable(file, error) from error


async def exit_profile_of(connection: AsyncConnection, file: StoredFile) -> ExitProfile:
    """Return the profile that an Exit Quarantine file was written by. Raises `ProfileLost`."""
    try:
        return parse_exit_profile((await stored_profile(connection, file)).decode())
    except (ThresholdsError, UnicodeDecodeError) as error:
        raise _unusable(file, error) from error


async def container_of(connection: AsyncConnection, rulebook: Rulebook, file: StoredFile) -> str:
    """Return what is to carry the signature of *file*. Raises `ProfileLost`."""
    if file.kind is FileKind.EXIT_QUARANTINE:
        return (await exit_profile_of(connection, file)).container
    return (await rules_of(connection, rulebook, file)).profile.container


def _unusable(file: StoredFile, error: Exception) -> ProfileLost:
    msg = f"the profile that {file.called} was submitted under cannot be used any more: {error}"
    return ProfileLost("profile_unusable", msg, "Submit the file anew.")


async def stored_profile(connection: AsyncConnection, file: StoredFile) -> bytes:
    """Return the text of the profile that *file* was submitted under; raise `ProfileLost` where it was changed."""
    text = await get_profile(connection, file.profile_sha256 or "")
    if text is None or hashlib.sha256(text).hexdigest() != file.profile_sha256:
        msg = f"the stored profile of {file.called} is not the one that it was submitted under"
        remedy = "Somebody changed the database: adt-gateway doctor; submit the file anew."
        raise ProfileLost("stored_profile_changed", msg, remedy)
    return text
