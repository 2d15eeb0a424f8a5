"""The way by which signed files leave, and the profile of Exit Quarantine files."""

from collections.abc import AsyncIterator
from typing import Final

from gateway.deciding import exit_profile
from gateway.delivery.sftp import SftpWay
from gateway.delivery_settings import Sftp
from gateway.doctor.finding import Check, Finding, failed, ok, unknown, warning
from gateway.errors import GatewayError, SettingsError, Unavailable
from gateway.operations.exit_rules import load_exit_rules
from gateway.settings import Settings

SERVER = "SFTP server"
PROFILE = "exit quarantine profile"

SECONDS: Final = 5.0
"""How long the server may take for each step."""


async def _server(settings: Settings, now: float) -> AsyncIterator[Finding]:
    del now
    sftp = settings.delivery.sftp
    if settings.delivery.channel != "sftp" or sftp is None:
        yield ok(SERVER, f"not used: signed files go by delivery.channel = {settings.delivery.channel!r}")
        return
    quick = sftp.model_copy(update={"timeout_seconds": min(SECONDS, sftp.timeout_seconds)})
    yield await look_at_server(quick)


async def look_at_server(sftp: Sftp) -> Finding:
    """Sign in to the server and look for the folder; nothing is written there."""
    where = f"{sftp.host}:{sftp.port}"
    try:
        seen = await SftpWay(sftp).look()
    except Unavailable as error:
        what = f"{where}: {error.message} [{error.code}]"
        if error.code == "sftp_unreachable" or _is_hidden(error):
            return unknown(
                SERVER, what, "Look from where the daemon runs, as its user; signed files wait until then."
            )
        return failed(SERVER, what, error.remedy)
    if not seen.has_folder:
        remedy = "Ask who runs the server whether the user may make it; the first delivery tries."
        return warning(SERVER, f"{where} lets us in ({seen.server}); {sftp.folder} is not there", remedy)
    return ok(SERVER, f"{where} lets us in ({seen.server}); {sftp.folder} is there, and nothing was written")


async def _profile(settings: Settings, now: float) -> AsyncIterator[Finding]:
    del now
    path = exit_profile(settings)
    try:
        profile = load_exit_rules(path).profile
    except SettingsError as error:
        yield (
            unknown(PROFILE, error.message)
            if _is_hidden(error)
            else failed(PROFILE, error.message, error.remedy)
        )
        return
    if profile.verified:
        yield ok(PROFILE, f"{profile.id} from {path}")
    else:
        remedy = f"Compare {path} with the DCC's own template, correct it, and set verified = true."
        yield warning(PROFILE, f"{profile.id} is unverified: the DCC's layout is not public", remedy)


def _is_hidden(error: GatewayError) -> bool:
    """Tell whether a file may not be read by whoever asks: the daemon may read it all the same."""
    return isinstance(error.__cause__, PermissionError)


CHECKS = (Check((SERVER,), _server), Check((PROFILE,), _profile))
