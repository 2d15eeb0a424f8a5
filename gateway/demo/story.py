"""The steps of the demonstration, in order, each with why it is taken."""

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from gateway.demo.messages import ADT_FILE, FAULTY_ADT_FILE, service_requests
from gateway.demo.stage import Stage
from gateway.errors import ExitCode, GatewayError

WARNING: Final = 3
QUARANTINE: Final = 5
LEAD_SECONDS: Final = 3
"""How far ahead the thresholds take effect: long enough to sign the file, short enough to wait for."""
PATIENCE_SECONDS: Final = 20.0


class StepFailed(GatewayError):
    """A step of the demonstration did not show what it promises."""


def play(stage: Stage) -> None:
    """Take every step; raise `StepFailed` at the first that does not show what it promises."""
    stage.chapter("Prepare")
    stage.tell(
        "Make a SoftHSM token with a P-256 key that can never leave it, and certify the key (development only)."
    )
    stage.prepare_token()
    stage.tell(
        "Give Alice, Bob and the others an access token each. Alice may submit AND approve; Bob may approve."
    )
    stage.prepare_people()
    stage.tell("Start an MQTT broker of our own and the gateway beside it.")
    stage.start_broker()
    stage.start_daemon()
    stage.show(f"the gateway listens on {stage.address}, the broker on 127.0.0.1:{stage.broker_port}")
    _sign(stage)
    _monitor(stage)
    _evidence(stage)


def _sign(stage: Stage) -> None:
    stage.chapter("A threshold file is checked, approved by a second person and signed")
    faulty, good = stage.folder / "adt-faulty.csv", stage.folder / "adt-thresholds.csv"
    effective = time.time() + LEAD_SECONDS + 2
    faulty.write_text(FAULTY_ADT_FILE, encoding="ascii")
    good.write_text(ADT_FILE.format(warning=WARNING, quarantine=QUARANTINE, effective=_instant(effective)))
    stage.tell(
        "Alice submits a file with mistakes: every fault is named with its place, and nothing is kept."
    )
    stage.run("alice", "submit", faulty, expect=ExitCode.INVALID_INPUT)
    stage.tell(
        f"Alice submits a good one: warn above {WARNING} Disable Supply commands an hour, quarantine above {QUARANTINE}."
    )
    stage.run("alice", "submit", good, show=("sha256", "state"))
    stage.tell(
        "Alice tries to approve it herself. She has the role, but she submitted it: refused, and on record."
    )
    stage.run("alice", "approve", "1", expect=ExitCode.NOT_PERMITTED)
    stage.tell(
        "Bob, the second person, approves it. Only now is the token asked to sign, and the file is delivered."
    )
    stage.run("bob", "approve", "1", show=("state", "approved by", "signature name"))
    stage.tell(
        "Download the file, its signature and its receipt, and let OpenSSL judge, which knows nothing of us."
    )
    out = stage.folder / "downloaded"
    stage.run("alice", "fetch", "1", "-o", out)
    stage.openssl_verify(out / good.name, out / f"{good.name}.p7s")
    stage.tell(
        "The DCC acknowledged the file, so it comes into force at the time that it names. Nothing counts before."
    )
    stage.run("olga", "acknowledge", "1", "--reference", "DEMO-SMSR-1", show=("state", "acknowledgement"))
    in_force = _wait(lambda: _file_state(stage) == "in force", "the file comes into force")
    stage.show(f"in force at {_instant(time.time())}, due {_instant(effective)}" if in_force else "")


def _monitor(stage: Stage) -> None:
    stage.chapter("Requests are counted, and a breach reaches the SOC")
    requests = service_requests(QUARANTINE + 1)
    over_http, over_mqtt = requests[: WARNING + 1], requests[WARNING + 1 :]
    folder = stage.folder / "requests"
    folder.mkdir(exist_ok=True)
    for number, request in enumerate(over_http):
        (folder / f"{number}.xml").write_bytes(request)
    with stage.listen_to_alerts() as alerts:
        stage.tell(
            f"The DCC adaptor sends {len(over_http)} Signed Pre-Commands over HTTP: one above the warning level."
        )
        stage.run("adaptor", "replay", folder)
        warning = _wait(lambda: alerts.find("opened", 1), "the warning alert arrives")
        stage.show(f"alert at {warning['topic']}: {warning['title']}")
        stage.tell(
            "It sends the same ones again, as senders do after a broken connection: none is counted twice."
        )
        stage.run("adaptor", "replay", folder)
        stage.tell(f"It sends {len(over_mqtt)} more over MQTT: now the quarantine level is passed.")
        stage.publish_requests(over_mqtt)
        quarantine = _wait(lambda: alerts.find("opened", 2), "the quarantine alert arrives")
        stage.show(f"alert at {quarantine['topic']}: {quarantine['title']}")
    stage.tell("This is the alert as a subscriber of the broker received it.")
    stage.show(json.dumps({k: v for k, v in quarantine.items() if k != "topic"}, indent=2))
    stage.tell(
        "The candidate incident knows the limit, the file that set it, who approved it, and the requests in excess."
    )
    stage.run("ana", "incidents", "show", "2")
    stage.run("ana", "rates", expect=ExitCode.BREACH_FOUND)


def _evidence(stage: Stage) -> None:
    stage.chapter("One chain of evidence")
    stage.tell(
        "Verify every audit record, from the first to the last, and the signature's receipt against them."
    )
    receipt = stage.folder / "downloaded" / "adt-thresholds.csv.receipt.json"
    stage.run("ana", "audit", "verify", "--receipt", receipt)
    stage.tell(
        "Export the chain, change one character in it, and verify again: the changed record must be named."
    )
    forged = stage.folder / "audit-forged.jsonl"
    export = stage.run("ana", "audit", "export", quiet=True)
    (stage.folder / "audit.jsonl").write_text(export, encoding="utf-8")
    forged.write_text(export.replace("adt_file.approved", "adt_file.approveD", 1), encoding="utf-8")
    stage.run("ana", "audit", "verify", forged, expect=ExitCode.SIGNATURE_WRONG)


def _file_state(stage: Stage) -> str:
    return str(json.loads(stage.run("alice", "files", "1", "--json", quiet=True))["state"])


def _wait(question: Callable[[], Any], what: str) -> Any:
    """Ask until the answer is true; raise `StepFailed` when patience is at its end."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.1)
    msg = f"this did not happen within {PATIENCE_SECONDS:.0f} s: {what}"
    raise StepFailed("step_failed", msg, "Look at daemon.log in the demo's folder.")


def _instant(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def closing(stage: Stage, script: Path) -> str:
    """Return how to go on from here."""
    command = shlex.quote(os.path.relpath(sys.argv[0]))
    return (
        f"The gateway goes on running at {stage.address} (process {stage.daemon_pid}).\n"
        f"  ask it:   source {shlex.quote(os.path.relpath(script))} && {command} rates\n"
        f"  its log:  {os.path.relpath(stage.folder / 'daemon.log')}\n"
        f"  stop it:  {command} demo --stop"
    )
