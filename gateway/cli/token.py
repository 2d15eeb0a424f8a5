"""Prepare and look at the PKCS#11 token, on the daemon's machine. Nothing here signs files."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from gateway.cli.output import as_json, print_json, talk
from gateway.cli.reading import read_input
from gateway.errors import GatewayError, InvalidInput, SettingsError, TokenUnavailable

if TYPE_CHECKING:
    from gateway.settings import Settings
    from hsm.config import TokenConfig
    from hsm.model import TokenDescription
    from hsm.token import Token

Result = TypeVar("Result")

OF_WHAT_WAS_GIVEN: Final = frozenset(
    {
        "certificate_file",
        "certificate_wrong_key",
        "certificate_chain",
        "certificate_expired",
        "certificate_not_yet_valid",
        "name_unusable",
    }
)
"""Codes of the token's process for a file or a name that is no use; the token is not at fault."""


def _load(config: Path) -> tuple["Settings", "TokenConfig"]:
    from gateway.operations.signing import token_config
    from gateway.settings import load_settings

    settings = load_settings(config)
    if settings.token is None:
        msg = f"{config} has no section [token]"
        raise SettingsError("token_not_set", msg, "Fill it in; see docs/token.md.")
    settings.data_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return settings, token_config(settings.token, settings.data_directory)


def _with_token(
    settings: "Settings", config: "TokenConfig", work: Callable[["Token"], Awaitable[Result]]
) -> Result:
    from gateway.operations.token_setup import explained
    from hsm.errors import TokenError
    from hsm.token import Token

    async def run() -> Result:
        async with Token(config) as token:
            return await work(token)

    try:
        return asyncio.run(run())
    except TokenError as error:
        assert settings.token is not None  # noqa: S101 - _load refuses settings without a token
        said = explained(settings.token, error)
        kind = InvalidInput if said.code in OF_WHAT_WAS_GIVEN else TokenUnavailable
        raise kind(said.code, said.message, said.remedy) from error


def _record(config: Path, action: str, detail: dict[str, Any]) -> None:
    from gateway.audit.record import Entry
    from gateway.cli.user import local_account, with_store
    from gateway.store.audit_log import append_record
    from gateway.store.database import Database

    async def work(database: Database) -> None:
        async with database.write() as connection:
            await append_record(connection, Entry(local_account(), action, "token", detail), time.time())

    with_store(config, work)


@contextmanager
def _on_record(config: Path, before: str, after: str, detail: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Record what is about to be done to the token, and how it ended: every use of its key is accounted for.

    Where the first cannot be recorded nothing is done. The value is what the record of the end says more.
    """
    _record(config, f"token.{before}", detail)
    result: dict[str, Any] = {}
    try:
        yield result
    except (GatewayError, OSError) as error:
        code = error.code if isinstance(error, GatewayError) else "system_error"
        _record(config, f"token.{before}_failed", {"code": code, "message": str(error)})
        raise
    _record(config, f"token.{after}", result)


@click.group()
def token() -> None:
    """Prepare and look at the PKCS#11 token. There is no verb that signs: approval does."""


@token.command()
@click.option("--key-type", type=click.Choice(["ec-p256", "rsa-2048"]), default="ec-p256", show_default=True)
@click.option(
    "--so-pin-file",
    type=click.Path(path_type=Path),
    help="File with the security officer's PIN; "
    "made with a random one beside the PIN file if it is not there.",
)
@as_json
@click.pass_obj
def init(config: Path, key_type: str, so_pin_file: Path | None, as_json: bool) -> None:
    """Make a token and its key pair; for SoftHSM its folder and PIN files too. What is there is kept."""
    from hsm.initialise import ensure_pin_file, prepare_softhsm
    from hsm.model import KeyType

    settings, where = _load(config)
    assert settings.token is not None  # noqa: S101 - _load refuses settings without a token
    so_pin = so_pin_file or settings.token.pin_file.with_name("so-pin")
    detail = {"label": where.token_label, "key_label": where.key_label, "key": key_type}
    with _on_record(config, "initialising", "initialised", detail) as result:
        if settings.token.softhsm_config:
            prepare_softhsm(settings.token.softhsm_config.parent)
        for pin_file in (settings.token.pin_file, so_pin):
            pin_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            ensure_pin_file(pin_file)
        described = _with_token(settings, where, lambda found: found.initialise(so_pin, KeyType(key_type)))
        result |= {"serial": described.serial, "label": described.label, "key": str(described.key_type)}
    if as_json:
        print_json(_plain(described))
        return
    talk(
        f"Token {described.label} ({described.serial}) has a new key: {described.key_type}, not extractable."
    )
    talk("Next: adt-gateway token csr --common-name NAME, then adt-gateway token import CERTIFICATES")


@token.command()
@click.option("--common-name", required=True, help="Common name of the certificate.")
@click.option("--organisation", help="Organisation.")
@click.option("--eui64", help="EUI-64 for x500UniqueIdentifier.")
@as_json
@click.pass_obj
def csr(config: Path, common_name: str, organisation: str | None, eui64: str | None, as_json: bool) -> None:
    """Print a certificate signing request for the key on the token."""
    settings, where = _load(config)
    with _on_record(config, "csr_requested", "csr_made", {"common_name": common_name}) as result:
        request = _with_token(settings, where, lambda found: found.csr(common_name, organisation, eui64))
        result["sha256"] = hashlib.sha256(request.encode()).hexdigest()
    if as_json:
        print_json({"csr": request})
    else:
        print(request, end="")


@token.command("import")
@click.argument("certificates", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def import_(config: Path, certificates: Path, as_json: bool) -> None:
    """Put the certificate issued for the key, and its issuers, on the token; checked before."""
    from hsm.path import PEM_BYTES

    settings, where = _load(config)
    pem = read_input(certificates, PEM_BYTES)
    detail = {"sha256": hashlib.sha256(pem).hexdigest()}
    with _on_record(config, "certificate_importing", "certificate_imported", detail) as result:
        described = _with_token(settings, where, lambda found: found.import_certificates(pem))
        certificate = described.certificate
        assert certificate is not None  # noqa: S101 - it was just imported
        result |= {"certificate_serial": certificate.serial, "subject": certificate.subject}
    if as_json:
        print_json(_plain(described))
        return
    talk(
        f"Certificate {certificate.serial} of {certificate.subject} is on the token, valid to {certificate.not_after}."
    )


def _plain(described: "TokenDescription") -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(described)
    return plain


@token.command()
@as_json
@click.pass_obj
def show(config: Path, as_json: bool) -> None:
    """Show the token, the attributes of its key, its certificate and what is left of the PIN's tries."""
    settings, where = _load(config)
    described = _plain(_with_token(settings, where, lambda found: found.describe()))
    if as_json:
        print_json(described)
        return
    for name, value in described.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key.replace('_', ' ')} {item}" for key, item in value.items())  # noqa: PLW2901
        if isinstance(value, list):
            value = "; ".join(each["subject"] for each in value)  # noqa: PLW2901
        print(f"{name.replace('_', ' '):>16}  {value}")


@token.command("forget-refusal")
@as_json
@click.pass_obj
def forget(config: Path, as_json: bool) -> None:
    """Allow the PIN that the token refused to be offered once more."""
    from hsm.pin import forget_refusal

    _, where = _load(config)
    with _on_record(config, "refusal_forgetting", "refusal_forgotten", {}):
        forget_refusal(where.refusal_file)
    if as_json:
        print_json({"forgotten": True})
        return
    talk("The refusal is forgotten; the PIN will be offered once more.")
