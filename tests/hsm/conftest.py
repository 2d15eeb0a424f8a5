"""Tokens for the tests of `hsm`."""

import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from hsm.config import TokenConfig
from hsm.token import Token
from tests.support.softhsm import ReadyToken, make_token


class Faulty(msgspec.Struct, frozen=True):
    """A ready token behind a module that fails on demand."""

    ready: ReadyToken
    config: TokenConfig
    control: Path
    count: Path

    def fault(self, word: str) -> None:
        """Switch a fault on, or off with an empty word."""
        self.control.write_text(word)

    @property
    def logins(self) -> int:
        """How often C_Login was called for the user."""
        return self.count.stat().st_size if self.count.exists() else 0


@pytest.fixture(scope="session")
def faulty_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = Path(__file__).with_name("faulty_module.c")
    module = tmp_path_factory.mktemp("module") / "faulty.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", module, source, "-ldl"], check=True, capture_output=True)
    return module


@pytest.fixture
def ready(tmp_path: Path) -> ReadyToken:
    return make_token(tmp_path)


@pytest.fixture
def faulty(ready: ReadyToken, faulty_module: Path, tmp_path: Path) -> Faulty:
    control, count = tmp_path / "control", tmp_path / "count"
    environment = (
        *ready.config.environment,
        ("FAULTY_REAL", ready.config.module),
        ("FAULTY_CONTROL", str(control)),
        ("FAULTY_COUNT", str(count)),
    )
    config = msgspec.structs.replace(ready.config, module=str(faulty_module), environment=environment)
    return Faulty(ready, config, control, count)


@pytest_asyncio.fixture
async def open_token() -> AsyncIterator[Callable[[TokenConfig], Token]]:
    """Make tokens that are closed at the end of the test."""
    tokens: list[Token] = []

    def make(config: TokenConfig) -> Token:
        tokens.append(Token(config))
        return tokens[-1]

    yield make
    for token in tokens:
        await token.close()
