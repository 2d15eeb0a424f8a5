"""Show the whole job on this machine."""

from pathlib import Path

import click

from gateway.cli.output import talk
from gateway.errors import ExitCode


@click.command()
@click.option("--once", is_flag=True, help="Stop everything at the end; exit non-zero if a step failed.")
@click.option("--stop", is_flag=True, help="Stop what an earlier demonstration left running, and do no more.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="Folder of the demonstration's own.",
)
@click.option(
    "--profile",
    type=click.Path(path_type=Path),
    default=Path("config/profiles/adt-1.toml"),
    show_default=True,
    help="Profile of the ADT file.",
)
def demo(once: bool, stop: bool, folder: Path, profile: Path) -> int:
    """Show the whole job with real parts: SoftHSM, Mosquitto, OpenSSL; then leave the daemon running."""
    from gateway.demo.processes import stop_recorded
    from gateway.demo.stage import Stage
    from gateway.demo.story import closing, play

    folder = folder.resolve()
    if stop:
        stopped = stop_recorded(folder)
        talk(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")
        return ExitCode.DONE
    stage = Stage(folder, profile)
    stage.clear()
    finished = False
    try:
        play(stage)
        finished = True
    finally:
        if once or not finished:
            stage.stop()
    print("\nEvery step did what it promised.")
    if not once:
        print(closing(stage, folder / "environment"))
    return ExitCode.DONE
