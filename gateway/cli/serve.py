"""Run the daemon."""

import gc
from pathlib import Path

import click

from gateway.cli.output import talk


@click.command()
@click.pass_obj
def serve(config: Path) -> None:
    """Run the daemon until SIGTERM or Ctrl-C."""
    gc.disable()  # what is imported stays: to look through it again and again takes a sixth of the start
    from gateway.daemon import run_daemon
    from gateway.logs import configure_logs
    from gateway.settings import load_settings

    gc.freeze()
    gc.enable()
    settings = load_settings(config)
    configure_logs(settings.log)
    run_daemon(
        settings,
        announce=lambda address: talk(f"adt-gateway listens on {address}"),
        reread=lambda: load_settings(config),
    )
