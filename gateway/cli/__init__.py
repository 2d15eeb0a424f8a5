"""The command line. Each verb imports what it needs when it runs: `--help` has to be quick."""

import importlib
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.output import fail, wants_json
from gateway.errors import ExitCode, GatewayError

VERBS: Final = {
    "serve": ("gateway.cli.serve:serve", "Run the daemon."),
    "demo": ("gateway.cli.demo:demo", "Show the whole job on this machine, step by step."),
    "doctor": ("gateway.cli.doctor:doctor", "Say what is missing or about to fail, and what to do."),
    "check": ("gateway.cli.check:check", "Check ADT files; name every fault with its place and remedy."),
    "submit": ("gateway.cli.files:submit", "Submit an ADT file for approval."),
    "files": ("gateway.cli.files:files", "List ADT files, or show one."),
    "approve": (
        "gateway.cli.files:approve",
        "Approve a file that somebody else submitted; it is then signed.",
    ),
    "reject": ("gateway.cli.files:reject", "Reject a submitted file."),
    "withdraw": ("gateway.cli.files:withdraw", "Withdraw your own file before it is signed."),
    "fetch": ("gateway.cli.files:fetch", "Download a signed file, its signature and its receipt."),
    "acknowledge": ("gateway.cli.files:acknowledge", "Record that the DCC acknowledged a delivered file."),
    "verify": ("gateway.cli.verify:verify", "Verify a file and its signature, offline."),
    "token": ("gateway.cli.token:token", "Prepare and look at the PKCS#11 token."),
    "user": ("gateway.cli.user:user", "Manage people and their access tokens."),
    "duis": ("gateway.cli.duis:duis", "Print the header of DUIS messages as JSON lines."),
    "replay": ("gateway.cli.replay:replay", "Send DUIS requests from files to the daemon."),
    "rates": ("gateway.cli.monitoring:rates", "Show every count beside its threshold."),
    "incidents": ("gateway.cli.monitoring:incidents", "List and show candidate incidents, and work on them."),
    "alerts": ("gateway.cli.alerts:alerts", "Show the alert channels, test them, send dead letters anew."),
    "silences": ("gateway.cli.silences:silences", "List, add or end silences and planned work."),
    "quarantine": ("gateway.cli.quarantine:quarantine", "Decide on requests that the DCC holds."),
    "audit": ("gateway.cli.audit:audit", "Verify the audit chain, or export it."),
}
"""Every verb: where it is, and what the list of verbs says of it."""


class Verbs(click.Group):
    """A group that knows its verbs without importing them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; every error of ours ends here, while it is known whether JSON was asked for."""
        try:
            return super().invoke(ctx)
        except GatewayError as error:
            return fail(error)
        except BrokenPipeError:
            raise
        except OSError as error:
            return fail(_refused(error))
        except click.UsageError as error:
            if not wants_json():
                raise
            fail(GatewayError("usage", error.format_message(), f"See: {ctx.command_path} VERB --help"))
            return ExitCode.USAGE

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which they are used."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get("ADT_GATEWAY_CONFIG", "config/gateway.toml")),
    help="Settings file; else ADT_GATEWAY_CONFIG, else config/gateway.toml.",
)
@click.version_option(package_name="adt-gateway", prog_name="adt-gateway")
@click.pass_context
def cli(ctx: click.Context, config: Path) -> None:
    """Check, sign and monitor Anomaly Detection Thresholds as one chain of evidence.

    Data goes to standard output, talk to standard error; with --json an error is one line of JSON
    there. Verbs that ask the daemon use ADT_GATEWAY_URL and
    ADT_GATEWAY_TOKEN (or ADT_GATEWAY_TOKEN_FILE).

    Exit codes: 0 done, 1 failed, 2 usage, 3 invalid input, 4 breach found, 5 not permitted,
    6 token unavailable, 7 signature wrong, 8 could not verify.
    """
    ctx.obj = config


def _refused(error: OSError) -> GatewayError:
    return GatewayError("system_error", str(error), "Correct the path, or the rights to it.")


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A file's name may hold bytes that are no text.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        result: Any = cli.main(prog_name="adt-gateway", standalone_mode=False)
        print(end="", flush=True)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from complaining at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.FAILED)
    except OSError as error:  # while the last of the output is written
        sys.exit(fail(_refused(error)))
    sys.exit(result if isinstance(result, int) else ExitCode.DONE)
