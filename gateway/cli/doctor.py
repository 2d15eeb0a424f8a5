"""Say what is missing or about to fail, and what to do."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gateway.cli.output import as_json, print_json, talk
from gateway.errors import ExitCode

if TYPE_CHECKING:
    from gateway.doctor.finding import Finding

FEW: Final = 5
"""So many findings that say the same are shown one by one; more are one line."""


@click.command()
@as_json
@click.pass_obj
def doctor(config: Path, as_json: bool) -> int:
    """Say what is missing or about to fail, and what to do; exit with 1 where something failed.

    Nothing is changed. The PIN is offered to the token at most once, and not at all where the token refused
    it before.
    """
    import msgspec

    from gateway.doctor.examine import examine
    from gateway.doctor.finding import State

    findings = asyncio.run(examine(config, time.time()))
    counts = {state: sum(finding.state is state for finding in findings) for state in State}
    if as_json:
        print_json({"findings": msgspec.to_builtins(findings)})
    else:
        shown = summarised(findings)
        wide = max(len(finding.name) for finding in shown)
        for finding in shown:
            print(f"{finding.state:<7}  {finding.name:<{wide}}  {finding.what}")
            if finding.remedy:
                print(f"{'':<7}  {'':<{wide}}  remedy: {finding.remedy}")
        talk(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    return ExitCode.FAILED if counts[State.FAILED] else ExitCode.DONE


def summarised(findings: Sequence["Finding"]) -> list["Finding"]:
    """Return *findings* with one in place of many that could not be looked at for the same reason."""
    import msgspec

    from gateway.doctor.finding import State

    shown: list[Finding] = []
    told: set[str] = set()
    for finding in findings:
        alike = [f for f in findings if (f.state, f.what) == (State.UNKNOWN, finding.what)]
        if finding.state is not State.UNKNOWN or len(alike) <= FEW:
            shown.append(finding)
        elif finding.what not in told:
            told.add(finding.what)
            shown.append(msgspec.structs.replace(finding, name=f"{len(alike)} checks"))
    return shown
