"""The profile of ADT files and our own User IDs."""

from collections.abc import AsyncIterator

from gateway.doctor.finding import Check, Finding, failed, ok, warning
from gateway.errors import SettingsError
from gateway.operations.rules import load_rules
from gateway.settings import Settings

PROFILE = "profile"
SERVICE_USERS = "service users"


async def _profile(settings: Settings, now: float) -> AsyncIterator[Finding]:
    del now
    path = settings.adt_files.profile
    try:
        profile = load_rules(settings).profile
    except SettingsError as error:
        yield failed(PROFILE, error.message, error.remedy)
        return
    if profile.verified:
        yield ok(PROFILE, f"{profile.id} from {path}")
    else:
        remedy = f"Compare {path} with the DCC's own template, correct it, and set verified = true."
        yield warning(PROFILE, f"{profile.id} is unverified: the DCC's layout is not public", remedy)


async def _service_users(settings: Settings, now: float) -> AsyncIterator[Finding]:
    del now
    count = len(settings.service_users)
    if count:
        yield ok(SERVICE_USERS, f"{count} User IDs may be named in ADT files")
    else:
        what = "no User ID of ours is set: every row of every ADT file is refused"
        yield failed(SERVICE_USERS, what, "List them in [[service_users]] with their User Roles.")


CHECKS = (Check((PROFILE,), _profile), Check((SERVICE_USERS,), _service_users))
