"""Making a token ready for use, with a SoftHSM token directory and PIN files where wanted."""

from pathlib import Path
from typing import Final

from hsm.config import TokenConfig
from hsm.model import KeyType, TokenDescription
from hsm.pin import create_pin_file
from hsm.token import Token

SOFTHSM_MODULES: Final = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)
"""Where distributions put SoftHSM's module."""


def find_softhsm() -> Path | None:
    """Return the path of SoftHSM's module, or None if it is not installed."""
    return next((path for path in SOFTHSM_MODULES if path.exists()), None)


def prepare_softhsm(directory: Path) -> tuple[tuple[str, str], ...]:
    """Make *directory* a home for SoftHSM tokens and return the `environment` that names it.

    Directories get mode 0700, since SoftHSM keeps keys in files. What is there already is kept.
    """
    tokens = directory / "tokens"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    tokens.mkdir(mode=0o700, exist_ok=True)
    configuration = directory / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tokens.resolve()}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    return (("SOFTHSM2_CONF", str(configuration.resolve())),)


def ensure_pin_file(path: Path) -> None:
    """Write a random PIN to *path* unless there is one."""
    if not path.exists():
        create_pin_file(path)


async def initialise_token(
    config: TokenConfig, so_pin_file: Path, key_type: KeyType = KeyType.EC_P256
) -> TokenDescription:
    """Initialise a token with the label, PIN and key label of *config*, and generate its key pair.

    A token with this label that is there already is kept and gets the key pair; `key_exists` if it has one.
    """
    async with Token(config) as token:
        return await token.initialise(so_pin_file, key_type)
