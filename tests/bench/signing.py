"""CMS signatures a second through the token's process, beside a bare C_Sign loop on the same token."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import uvloop

from hsm.model import Container, KeyType
from hsm.token import IN_FLIGHT, Token
from tests.bench.figure import Figure
from tests.support.softhsm import ReadyToken, make_token

AIM: Final = 0.4
"""Part of the bare rate: a CMS is built, the chain checked and everything sent to and fro besides."""

ROUNDS: Final = 3
"""The best round of each counts: two processes need two free cores, and a busy machine says nothing."""

SIGNATURES: Final = {KeyType.EC_P256: 4000, KeyType.RSA_2048: 1000}
DATA: Final = b"UserID,Communication,ServiceReferenceVariant\n" * 25

_BARE: Final = """
import sys, time, pkcs11
pin, module, label, key_label, mechanism, count = sys.argv[1:]
token = pkcs11.lib(module).get_token(token_label=label)
session = token.open(user_pin=open(pin).read().strip())
key = session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, label=key_label)
mechanism, data = pkcs11.Mechanism[mechanism], bytes(32)
for _ in range(100):
    key.sign(data, mechanism=mechanism)
start = time.perf_counter()
for _ in range(int(count)):
    key.sign(data, mechanism=mechanism)
print(int(count) / (time.perf_counter() - start))
"""


def run() -> list[Figure]:
    """Return signatures per second of both, for each key type."""
    with tempfile.TemporaryDirectory() as directory:
        return [_measure(Path(directory), key_type) for key_type in KeyType]


def _measure(directory: Path, key_type: KeyType) -> Figure:
    home = directory / key_type
    home.mkdir()
    ready = make_token(home, key_type)
    ours, peer = 0.0, 0.0
    for _ in range(ROUNDS):  # in turn, so that what else the machine does hits both
        ours = max(ours, uvloop.run(_ours(ready, SIGNATURES[key_type])))
        peer = max(peer, _bare(ready, key_type))
    return Figure(
        what=f"CMS signature, {key_type}, through the token's process",
        against="bare C_Sign loop in one process",
        ours=ours,
        peer=peer,
        unit="per second",
        aim=AIM,
        at_least=True,
        note=f"SoftHSM; needs two free cores, load was {os.getloadavg()[0]:.1f}",
    )


async def _ours(ready: ReadyToken, count: int) -> float:
    async with Token(ready.config) as token:
        await _sign(token, 100)
        start = time.perf_counter()
        await _sign(token, count)
        return count / (time.perf_counter() - start)


async def _sign(token: Token, count: int) -> None:
    """Keep as many callers busy as requests travel at once."""

    async def caller() -> None:
        for _ in range(count // IN_FLIGHT):
            await token.sign(DATA, Container.CMS_DETACHED)

    await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))


def _bare(ready: ReadyToken, key_type: KeyType) -> float:
    config = ready.config
    mechanism = "ECDSA" if key_type is KeyType.EC_P256 else "SHA256_RSA_PKCS"
    names = (str(config.pin_file), config.module, config.token_label, config.key_label, mechanism)
    done = subprocess.run(
        [sys.executable, "-c", _BARE, *names, str(SIGNATURES[key_type])],
        env={**os.environ, **dict(config.environment)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
