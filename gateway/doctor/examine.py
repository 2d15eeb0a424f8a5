"""All checks, one after the other: the trouble of one never hides another."""

import traceback
from pathlib import Path
from typing import Final

from gateway.doctor import delivery, disk, evidence, network, rules, soc, store, time_source, token
from gateway.doctor.finding import SETTINGS, Check, Finding, failed, ok, unknown
from gateway.errors import SettingsError
from gateway.settings import Settings, load_settings

CHECKS: Final = (
    *rules.CHECKS,
    *disk.CHECKS,
    *store.CHECKS,
    *evidence.CHECKS,
    *time_source.CHECKS,
    *token.CHECKS,
    *network.CHECKS,
    *soc.CHECKS,
    *delivery.CHECKS,
)


async def examine(config: Path, now: float) -> tuple[Finding, ...]:
    """Look at everything that the settings file *config* names, at the time *now* (seconds since the epoch).

    Takes some seconds where a broker, a daemon or a token does not answer. Raises nothing.
    """
    try:
        settings = load_settings(config)
    except SettingsError as error:
        rest = [name for check in CHECKS for name in check.names]
        skipped = [unknown(name, "not looked at: the settings cannot be used") for name in rest]
        return (failed(SETTINGS, error.message, error.remedy), *skipped)
    found = [ok(SETTINGS, f"{config} can be used")]
    for check in CHECKS:
        found.extend(await run_check(check, settings, now))
    return tuple(found)


async def run_check(check: Check, settings: Settings, now: float) -> list[Finding]:
    """Return one finding for each name of *check*, whatever happens in it."""
    found: list[Finding] = []
    why = ""
    try:
        async for finding in check.look(settings, now):
            found.append(finding)  # noqa: PERF401 - what was found before a crash is kept
    except Exception as error:  # noqa: BLE001 - a check that crashes is a finding itself
        # Neither the message nor a value: either may hold a secret.
        place = traceback.extract_tb(error.__traceback__)[-1]
        why = f"the check failed: {type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
    why = why or f"not looked at: see {found[-1].name if found else 'above'}"
    known = {finding.name for finding in found}
    found.extend(unknown(name, why) for name in check.names if name not in known)
    return found
