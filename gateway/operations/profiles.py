"""The rules that a file was submitted under, whatever profile is set since."""

import hashlib

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import GatewayError
from gateway.operations.rules import FileRules, Rulebook
from gateway.store.adt_files import StoredFile
from gateway.store.profiles import get_profile
from thresholds.errors import ThresholdsError


class ProfileLost(GatewayError):
    """The profile that a file was submitted under cannot be had, so nobody can say what the file means."""


async def rules_of(connection: AsyncConnection, rulebook: Rulebook, file: StoredFile) -> FileRules:
    """Return the rules of *file*, read from the store where this process does not know them yet.

    Files that were submitted before profiles were kept have those that are set. Raises `ProfileLost`.
    """
    known = rulebook.of(file.profile_sha256)
    if known is not None or file.profile_sha256 is None:
        return known or rulebook.current
    try:
        return rulebook.learn(await stored_profile(connection, file))
    except (ThresholdsError, UnicodeDecodeError) as error:
        msg = f"the profile that ADT file {file.id} was submitted under cannot be used any more: {error}"
        raise ProfileLost("profile_unusable", msg, "Submit the file anew.") from error


async def stored_profile(connection: AsyncConnection, file: StoredFile) -> bytes:
    """Return the text of the profile that *file* was submitted under; raise `ProfileLost` where it was changed."""
    text = await get_profile(connection, file.profile_sha256 or "")
    if text is None or hashlib.sha256(text).hexdigest() != file.profile_sha256:
        msg = f"the stored profile of ADT file {file.id} is not the one that it was submitted under"
        remedy = "Somebody changed the database: adt-gateway doctor; submit the file anew."
        raise ProfileLost("stored_profile_changed", msg, remedy)
    return text
