"""What the demonstration stands on: a folder of its own, a token, a broker, a daemon, and people."""

import asyncio
import datetime as dt
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from gateway.access import Role
from gateway.demo.alerts import AlertListener, publish
from gateway.demo.processes import Running, free_port, is_open, start, stop_recorded
from gateway.demo.remains import environment_script, put_aside, token_lasts
from gateway.errors import ExitCode, GatewayError
from gateway.operations.access_tokens import issue_access_token
from gateway.operations.people import add_person
from gateway.settings import load_settings
from gateway.store.database import open_database
from gateway.store.migrate import migrate
from hsm.development_ca import DevelopmentCa
from hsm.initialise import find_softhsm

PEOPLE: Final = {
    "alice": (Role.SUBMITTER, Role.APPROVER),
    "bob": (Role.APPROVER,),
    "olga": (Role.OPERATOR,),
    "ana": (Role.ANALYST,),
    "adaptor": (Role.ADAPTOR,),
}

_SETTINGS: Final = """# Settings of the demonstration; written anew at each run.
instance = "demo"
data_directory = "data"

[http]
port = 0

[token]
module = "{module}"
pin_file = "token/pin"
trust_file = "token/trust.pem"
softhsm_config = "token/softhsm2.conf"

[mqtt]
host = "127.0.0.1"
port = {broker_port}

[alerts]
file = "data/alerts.jsonl"

[adt_files]
profile = "{profile}"

[[service_users]]
user_id = "90-B3-D5-1F-30-01-00-00"
roles = ["IS", "GS"]
"""


class DemoFailed(GatewayError):
    """The demonstration could not be set up, or a step went another way than it must."""


class Stage:
    """The demonstration's folder and everything that runs in it."""

    def __init__(self, folder: Path, profile: Path) -> None:
        self.folder = folder
        self._profile = profile
        self._config = folder / "gateway.toml"
        self._tokens: dict[str, str] = {}
        self._steps = 0
        self._running: list[Running] = []
        self.broker_port = 0
        self.address = ""

    @property
    def daemon_pid(self) -> int:
        """The daemon's process."""
        return self._running[-1].pid

    # What people read

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        print(f"\n== {title} ==", flush=True)

    def tell(self, text: str) -> None:
        """Say what is done next, and why."""
        self._steps += 1
        print(f"{self._steps:>2}. {text}", flush=True)

    def show(self, text: str) -> None:
        """Show what came of it."""
        for line in text.rstrip().splitlines():
            print(f"      {line}", flush=True)

    # The set-up

    def clear(self) -> None:
        """Stop what an earlier run left running and put its data aside, with a word; the token is used again."""
        stopped = stop_recorded(self.folder)
        if stopped:
            print(f"Stopped what an earlier demonstration left running: {', '.join(stopped)}.", flush=True)
        kept = put_aside(self.folder, time.time())
        if kept:
            print(
                f"What the earlier demonstration made is kept in {kept}; remove it when you like.", flush=True
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _write_settings(self) -> None:
        module = find_softhsm()
        if module is None:
            raise DemoFailed(
                "softhsm_missing", "SoftHSM is not installed", "Install the Debian package softhsm2."
            )
        text = _SETTINGS.format(
            module=module, broker_port=self.broker_port or 1, profile=self._profile.resolve()
        )
        self._config.write_text(text, encoding="utf-8")

    def prepare_token(self) -> None:
        """Make and certify the token, or keep the one of an earlier run while its certificate lasts."""
        self._write_settings()
        trust = self.folder / "token" / "trust.pem"
        if not token_lasts(trust.parent, time.time()):
            shutil.rmtree(self.folder / "token", ignore_errors=True)
            self.run("", "token", "init", quiet=True)
            request = self.run("", "token", "csr", "--common-name", "Demonstration file signing", quiet=True)
            authority = DevelopmentCa(dt.datetime.now(dt.UTC))
            chain = self.folder / "token" / "chain.pem"
            chain.write_bytes(authority.issue(request))
            unfinished = trust.with_suffix(".unfinished")
            unfinished.write_bytes(authority.trust_pem)
            unfinished.rename(trust)
            try:
                self.run("", "token", "import", chain, quiet=True)
            except GatewayError:
                trust.unlink()
                raise
        shown = ("serial", "key type", "key", "certificate")
        self.run("", "token", "show", show=shown)

    def prepare_people(self) -> None:
        """Add everybody and issue an access token to each, kept in a file for its owner."""
        self._tokens = asyncio.run(self._add_people())
        for name, roles in PEOPLE.items():
            file = self.folder / f"{name}.token"
            file.unlink(missing_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as opened:
                opened.write(self._tokens[name] + "\n")
            self.show(f"{name}: {', '.join(roles)}")

    async def _add_people(self) -> dict[str, str]:
        database = open_database(load_settings(self._config))
        try:
            await migrate(database)
            tokens = {}
            for name, roles in PEOPLE.items():
                await add_person(database, "demonstration", name, roles, time.time())
                tokens[name] = await issue_access_token(database, "demonstration", name, (), time.time())
            return tokens
        finally:
            await database.close()

    def start_broker(self) -> None:
        """Start Mosquitto on a free port, with a configuration of its own."""
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            raise DemoFailed(
                "mosquitto_missing", "Mosquitto is not installed", "Install the Debian package mosquitto."
            )
        folder = self.folder / "broker"
        folder.mkdir()
        config = folder / "mosquitto.conf"
        for _ in range(5):  # somebody else may take the free port before Mosquitto does
            self.broker_port = free_port()
            config.write_text(
                f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\n", encoding="ascii"
            )
            broker = start(self.folder, "broker", [program, "-c", str(config)])
            if broker.wait_for(lambda: is_open(self.broker_port)):
                self._running.append(broker)
                self._write_settings()
                return
        raise DemoFailed(
            "broker_failed", "Mosquitto does not start", f"Look at {self.folder / 'broker.log'}."
        )

    def start_daemon(self) -> None:
        """Start the gateway and wait until it is ready."""
        command = [sys.executable, "-m", "gateway", "--config", str(self._config), "serve"]
        daemon = start(self.folder, "daemon", command)
        address = self.folder / "data" / "address"
        self._running.append(daemon)
        if not daemon.wait_for(address.exists):
            raise DemoFailed(
                "daemon_failed", "the gateway does not start", f"Look at {self.folder / 'daemon.log'}."
            )
        self.address = address.read_text(encoding="ascii").strip()
        script = self.folder / "environment"
        text = environment_script(self._config, self.address, self.folder / "olga.token")
        script.write_text(text, encoding="utf-8")

    def stop(self) -> None:
        """Stop the gateway and the broker."""
        for running in reversed(self._running):
            running.stop()

    # What people do

    def run(
        self,
        person: str,
        *arguments: str | Path,
        expect: ExitCode = ExitCode.DONE,
        quiet: bool = False,
        show: tuple[str, ...] = (),
    ) -> str:
        """Run a verb as *person*, show what it says (the lines of *show* alone), and return its output.

        Raises `DemoFailed` where it ends with another exit code than *expect*.
        """
        words = [self._short(str(argument)) for argument in arguments]
        command = [sys.executable, "-m", "gateway", "--config", str(self._config), *words]
        environment = os.environ | {
            "ADT_GATEWAY_URL": self.address,
            "ADT_GATEWAY_TOKEN": self._tokens.get(person, ""),
        }
        environment.pop("ADT_GATEWAY_TOKEN_FILE", None)
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        if not quiet:
            self.show(f"{person + '$ ' if person else '$ '}adt-gateway {shlex.join(words)}")
            self.show(_only(done.stdout, show) + done.stderr)
        if done.returncode != expect:
            msg = f"adt-gateway {shlex.join(words)} ended with {done.returncode} and not with {int(expect)}: {done.stderr}"
            raise DemoFailed("step_failed", msg, f"Look at {self.folder / 'daemon.log'}.")
        return done.stdout

    def _short(self, word: str) -> str:
        return os.path.relpath(word) if word.startswith(str(self.folder)) else word

    def openssl_verify(self, file: Path, signature: Path) -> None:
        """Verify with OpenSSL; raise `DemoFailed` where it does not agree."""
        trust = self.folder / "token" / "trust.pem"
        command = [
            "openssl",
            "cms",
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-purpose",
            "any",
            "-out",
            os.devnull,
        ]
        command += ["-in", str(signature), "-content", str(file), "-CAfile", str(trust)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        self.show(f"$ {shlex.join(map(self._short, command))}")
        self.show(done.stderr)
        if done.returncode != 0:
            raise DemoFailed("step_failed", "OpenSSL does not accept the signature", done.stderr)

    def publish_requests(self, requests: list[bytes]) -> None:
        """Publish requests as the adaptor; return when the broker has them."""
        asyncio.run(publish(self.broker_port, "duis/requests", requests))

    def listen_to_alerts(self) -> AlertListener:
        """Subscribe to the alerts, as a SOC would."""
        return AlertListener(self.broker_port, "adt-gateway/demo/incidents/#")


def _only(text: str, wanted: tuple[str, ...]) -> str:
    """Return the lines of *text* whose label is *wanted*; all of them where nothing is."""
    if not wanted:
        return text
    lines = [
        line for line in text.splitlines() if line.strip().startswith(tuple(f"{name}  " for name in wanted))
    ]
    return "".join(f"{line}\n" for line in lines)
