"""The token's process: dying, hanging, recovering, ending, and keeping the PIN to itself."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from hsm.config import TokenConfig
from hsm.errors import TokenError
from hsm.messages import MAX_DATA
from hsm.model import Container, SignedArtefact
from hsm.token import Token
from hsm.verify import verify
from tests.hsm.conftest import Faulty
from tests.support.pki import openssl
from tests.support.softhsm import ReadyToken, make_token, needs_softhsm

pytestmark = needs_softhsm

OpenToken = Callable[[TokenConfig], Token]


def sign(token: Token, data: bytes = b"data") -> asyncio.Task[SignedArtefact]:
    """Begin a signature; the test owns the task."""
    return asyncio.get_running_loop().create_task(token.sign(data, Container.CMS_DETACHED))


async def failure_of(task: asyncio.Task[SignedArtefact]) -> TokenError:
    with pytest.raises(TokenError) as caught:
        await task
    return caught.value


async def process_of(token: Token) -> psutil.Process:
    """Start the token's process if need be."""
    await token.ping()
    assert token.process_id is not None
    return psutil.Process(token.process_id)


async def test_two_hundred_concurrent_signatures_are_all_right(
    ready: ReadyToken, open_token: OpenToken
) -> None:
    token = open_token(ready.config)
    files = [f"file {number}".encode() for number in range(200)]
    artefacts = await asyncio.gather(*(token.sign(data, Container.CMS_DETACHED) for data in files))
    for data, artefact in zip(files, artefacts, strict=True):
        assert verify(data, artefact.signature, ready.trust_pem).valid


async def test_a_process_killed_while_signing_fails_what_is_in_flight_and_a_fresh_one_signs(
    faulty: Faulty, open_token: OpenToken
) -> None:
    token = open_token(faulty.config)
    process = await process_of(token)
    faulty.fault("hang")
    tasks = [sign(token) for _ in range(3)]
    await asyncio.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    assert [(await failure_of(task)).code for task in tasks] == ["token_died"] * 3

    faulty.fault("")
    await sign(token)
    assert token.process_id != process.pid


async def test_a_module_that_crashes_is_reported_with_its_signal_and_recovers(
    faulty: Faulty, open_token: OpenToken
) -> None:
    token = open_token(faulty.config)
    faulty.fault("crash")
    failure = await failure_of(sign(token))
    assert failure.code == "token_died"
    assert f"status {-signal.SIGSEGV}" in failure.message
    faulty.fault("")
    await sign(token)


async def test_a_module_that_hangs_is_killed_and_recovers(faulty: Faulty, open_token: OpenToken) -> None:
    token = open_token(msgspec.structs.replace(faulty.config, timeout_seconds=1.0))
    process = await process_of(token)
    faulty.fault("hang")
    assert (await failure_of(sign(token))).code == "token_timeout"
    faulty.fault("")
    await sign(token)
    assert not process.is_running()


async def test_a_lost_session_is_opened_anew_once(faulty: Faulty, open_token: OpenToken) -> None:
    token = open_token(faulty.config)
    process = await process_of(token)
    faulty.fault("lost-once")
    await sign(token)
    assert token.process_id == process.pid
    assert faulty.logins == 2


async def test_an_error_of_the_module_names_its_class_and_the_token_goes_on(
    faulty: Faulty, open_token: OpenToken
) -> None:
    token = open_token(faulty.config)
    faulty.fault("general")
    failure = await failure_of(sign(token))
    assert failure.code == "token_failed"
    assert "GeneralError" in failure.message
    assert faulty.config.module in failure.message
    faulty.fault("")
    await sign(token)


async def test_a_cancelled_caller_leaves_the_answers_in_step(faulty: Faulty, open_token: OpenToken) -> None:
    token = open_token(faulty.config)
    await token.ping()
    faulty.fault("slow")
    tasks = [sign(token, f"{number}".encode()) for number in range(6)]
    await asyncio.sleep(0.1)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.wait(tasks)
    for number in (1, 3, 5):
        artefact = await tasks[number]
        assert verify(f"{number}".encode(), artefact.signature, faulty.ready.trust_pem).valid


async def test_cancelling_the_first_caller_while_the_process_starts_does_no_harm(
    ready: ReadyToken, open_token: OpenToken
) -> None:
    token = open_token(ready.config)
    first, second = sign(token), sign(token)
    await asyncio.sleep(0.02)
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_closing_answers_what_is_in_flight_and_refuses_what_comes_after(
    faulty: Faulty, open_token: OpenToken
) -> None:
    token = open_token(faulty.config)
    process = await process_of(token)
    faulty.fault("slow")
    tasks = [sign(token) for _ in range(3)]
    await asyncio.sleep(0.05)
    await token.close()
    await asyncio.gather(*tasks)
    assert not process.is_running()
    assert (await failure_of(sign(token))).code == "token_closed"


async def test_interrupt_and_terminate_from_the_terminal_do_not_stop_a_signature(
    faulty: Faulty, open_token: OpenToken
) -> None:
    token = open_token(faulty.config)
    process = await process_of(token)
    faulty.fault("slow")
    task = sign(token)
    await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    await task
    assert token.process_id == process.pid


def test_the_process_ends_when_its_parent_is_killed(ready: ReadyToken, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio, os, signal, sys, msgspec\n"
        "from pathlib import Path\n"
        "from hsm.config import TokenConfig\nfrom hsm.messages import decode\nfrom hsm.token import Token\n"
        "async def main():\n"
        "    token = Token(decode(Path(sys.argv[1]).read_bytes(), TokenConfig))\n"
        "    await token.ping()\n"
        "    print(token.process_id, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    config = tmp_path / "config"
    config.write_bytes(msgspec.msgpack.encode(ready.config, enc_hook=str))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, script, config], env=environment, capture_output=True, text=True, check=False
    )
    pid = int(done.stdout)
    try:
        psutil.Process(pid).wait(timeout=20)
    except psutil.NoSuchProcess:
        return


def proc_file(pid: int, name: str) -> str:
    """Read what the system shows of a process; nothing where it does not even let its owner look."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode()
    except PermissionError:
        return ""


async def test_the_pin_is_seen_nowhere(ready: ReadyToken, open_token: OpenToken) -> None:
    pin = ready.config.pin_file.read_text().strip()
    token = open_token(ready.config)
    process = await process_of(token)
    seen = [repr(ready.config), repr(await token.describe()), repr(await token.sign(b"", Container.CMS_PEM))]
    seen += [proc_file(process.pid, name) for name in ("cmdline", "environ")]
    assert pin not in "".join(seen)


async def test_a_refused_pin_is_in_no_error_and_not_in_the_refusal_file(
    ready: ReadyToken, open_token: OpenToken
) -> None:
    ready.config.pin_file.write_text("31415926")
    failure = await failure_of(sign(open_token(ready.config)))
    kept = ready.config.refusal_file.read_text()
    assert failure.code == "pin_refused"
    assert "31415926" not in f"{failure!r} {failure.message} {failure.remedy} {kept}"
    assert ready.config.refusal_file.stat().st_mode & 0o777 == 0o600


async def test_data_over_the_limit_is_refused_before_it_is_sent(
    ready: ReadyToken, open_token: OpenToken
) -> None:
    token = open_token(ready.config)
    assert (await failure_of(sign(token, bytes(MAX_DATA + 1)))).code == "data_too_large"
    assert token.process_id is None


async def test_data_of_a_few_megabytes_travels(ready: ReadyToken, open_token: OpenToken) -> None:
    data = bytes(range(256)) * 20_000
    artefact = await open_token(ready.config).sign(data, Container.CMS_ATTACHED)
    assert verify(data, artefact.signature, ready.trust_pem).valid


async def test_one_caller_too_many_is_told_to_wait(
    ready: ReadyToken, open_token: OpenToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hsm.token.MAX_WAITING", 2)
    token = open_token(ready.config)
    tasks = [sign(token) for _ in range(3)]
    assert (await failure_of(tasks[2])).code == "token_busy"
    await asyncio.gather(*tasks[:2])


async def test_a_request_carries_the_name_and_the_eui64(
    ready: ReadyToken, open_token: OpenToken, tmp_path: Path
) -> None:
    pem = await open_token(ready.config).csr("File Signing", "Supplier", "90-B3-D5-1F-30-01-00-00")
    request = x509.load_pem_x509_csr(pem.encode())
    (tmp_path / "csr.pem").write_text(pem)
    identifier = request.subject.get_attributes_for_oid(NameOID.X500_UNIQUE_IDENTIFIER)[0].value
    assert identifier == bytes.fromhex("0090b3d51f30010000")
    assert openssl("req", "-verify", "-noout", "-in", tmp_path / "csr.pem").returncode == 0


async def test_a_description_shows_token_key_and_certificate(
    ready: ReadyToken, open_token: OpenToken
) -> None:
    described = await open_token(ready.config).describe()
    assert described.label == "adt-gateway"
    assert described.serial
    assert described.manufacturer == "SoftHSM project"
    assert described.key_type == "EC secp256r1"
    assert described.chain_length == 2
    assert described.certificate is not None
    assert not any((described.pin_count_low, described.pin_final_try, described.pin_locked))


async def test_a_token_that_is_reopened_reads_its_pin_anew(tmp_path: Path) -> None:
    """While it stays open it is logged in already; opened anew it counts what stands in the file now."""
    ready = make_token(tmp_path)
    async with Token(ready.config) as token:
        await token.sign(b"data", Container.CMS_DETACHED)
        ready.config.pin_file.write_text("9999999999")
        await token.ping()
        await token.reopen()
        with pytest.raises(TokenError) as refused:
            await token.sign(b"data", Container.CMS_DETACHED)
        assert refused.value.code == "pin_refused"
