"""Say what is missing or about to fail, and what to do."""

import asyncio
import time
from pathlib import Path

import click

from gateway.cli.output import as_json, print_json, talk
from gateway.errors import ExitCode


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
        wide = max(len(finding.name) for finding in findings)
        for finding in findings:
            print(f"{finding.state:<7}  {finding.name:<{wide}}  {finding.what}")
            if finding.remedy:
                print(f"{'':<7}  {'':<{wide}}  remedy: {finding.remedy}")
        talk(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    return ExitCode.FAILED if counts[State.FAILED] else ExitCode.DONE
