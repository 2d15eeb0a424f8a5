"""SoftHSM tokens that are ready for use, quickly: each kind is made once per run and then copied."""

import asyncio
import concurrent.futures
import datetime as dt
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hsm.config import TokenConfig
from hsm.development_ca import DevelopmentCa
from hsm.initialise import find_softhsm, initialise_token, prepare_softhsm
from hsm.model import KeyType
from hsm.pin import create_pin_file
from hsm.token import Token

needs_softhsm = pytest.mark.skipif(find_softhsm() is None, reason="SoftHSM is not installed")


class ReadyToken(msgspec.Struct, frozen=True):
    """A token with a key pair and a certificate, and the authority that issued it."""

    directory: Path
    config: TokenConfig
    ca: DevelopmentCa

    @property
    def trust_file(self) -> Path:
        """The PEM file of the trusted root."""
        return self.directory / "trust.pem"

    @property
    def trust_pem(self) -> bytes:
        return self.trust_file.read_bytes()


def make_token(directory: Path, key_type: KeyType = KeyType.EC_P256) -> ReadyToken:
    """Put a token into *directory* that can sign at once."""
    original, ca = _original(key_type)
    shutil.copytree(original, directory / "token")
    return ReadyToken(directory / "token", token_config(directory / "token"), ca)


def token_config(directory: Path, **changes: Any) -> TokenConfig:
    """Return the configuration of a token whose files are all in *directory*."""
    config = TokenConfig(
        module=str(find_softhsm()),
        token_label="adt-gateway",
        key_label="file-signing",
        pin_file=directory / "pin",
        refusal_file=directory / "refused.json",
        trust_file=directory / "trust.pem",
        environment=prepare_softhsm(directory / "softhsm"),
    )
    return msgspec.structs.replace(config, **changes)


def empty_token_directory(directory: Path, ca: DevelopmentCa) -> TokenConfig:
    """Write PIN files, trust file and SoftHSM's own configuration, without a token."""
    directory.mkdir(parents=True, exist_ok=True)
    create_pin_file(directory / "pin")
    create_pin_file(directory / "so-pin")
    (directory / "trust.pem").write_bytes(ca.trust_pem)
    return token_config(directory)


def run_on_token(config: TokenConfig, code: str) -> str:
    """Run *code* in a process of its own with `session` logged in on the token; returns what it prints."""
    script = (
        "import pkcs11\nfrom pkcs11 import *\n"
        f"pin = open({str(config.pin_file)!r}).read().strip()\n"
        f"token = pkcs11.lib({config.module!r}).get_token(token_label={config.token_label!r})\n"
        "session = token.open(rw=True, user_pin=pin)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script + code],
        env={**os.environ, **dict(config.environment)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@functools.cache
def _original(key_type: KeyType) -> tuple[Path, DevelopmentCa]:
    ca = DevelopmentCa(dt.datetime.now(dt.UTC))
    directory = Path(tempfile.mkdtemp(prefix="adt-token-"))
    config = empty_token_directory(directory, ca)
    in_own_loop(lambda: _make(config, directory / "so-pin", ca, key_type))
    return directory, ca


async def _make(config: TokenConfig, so_pin_file: Path, ca: DevelopmentCa, key_type: KeyType) -> None:
    await initialise_token(config, so_pin_file, key_type)
    async with Token(config) as token:
        await token.import_certificates(ca.issue(await token.csr("Development File Signing")))


def in_own_loop(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine to its end, also where an event loop is running already."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()
