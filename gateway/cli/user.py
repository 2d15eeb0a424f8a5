"""People and their access tokens, managed on the daemon's machine."""

import asyncio
import getpass
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from gateway.access import Role
from gateway.cli.output import as_json, print_json, table, talk

if TYPE_CHECKING:
    from gateway.store.access_tokens import AccessTokenRow
    from gateway.store.database import Database

Result = TypeVar("Result")

role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([str(role) for role in Role]),
    help="May be given several times.",
)


def with_store(config: Path, work: Callable[["Database"], Awaitable[Result]]) -> Result:
    """Run *work* with the store that the settings name, brought up to date first."""
    from gateway.settings import load_settings
    from gateway.store.database import open_database
    from gateway.store.migrate import migrate

    settings = load_settings(config)

    async def run() -> Result:
        database = open_database(settings)
        try:
            await migrate(database)
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def local_account() -> str:
    """Return who runs the command, as audit records name them."""
    return f"{getpass.getuser()} (on the machine)"


@click.group()
def user() -> None:
    """Manage people and their access tokens, on the daemon's machine."""


@user.command()
@click.argument("name")
@role_option
@as_json
@click.pass_obj
def add(config: Path, name: str, roles: tuple[str, ...], as_json: bool) -> None:
    """Add a person (or a machine) called NAME."""
    from gateway.operations.people import add_person

    wanted = tuple(Role(role) for role in roles)
    with_store(config, lambda database: add_person(database, local_account(), name, wanted, time.time()))
    if as_json:
        print_json({"name": name, "roles": sorted(set(roles))})
        return
    for line in next_steps(config, name, wanted):
        talk(line)


def next_steps(config: Path, name: str, roles: tuple[Role, ...]) -> list[str]:
    """Return what is said of somebody who was added: what they need for what they are to do."""
    from gateway.settings import load_settings

    token = f"adt-gateway user issue-token {name}"
    if Role.ADAPTOR in roles:
        return [f"{name} is added. A machine needs an access token: {token}"]
    oidc = load_settings(config).oidc
    if oidc and not oidc.local_accounts:
        return [
            f"{name} is added. Passwords are off here (oidc.local_accounts): the command line alone is open to them.",
            f"For the command line they need an access token: {token}",
        ]
    return [
        f"{name} is added. For the console they need a password: adt-gateway user set-password {name}",
        f"For the command line and programs they need an access token, which they issue under Account: or {token}",
    ]


@user.command("list")
@as_json
@click.pass_obj
def list_(config: Path, as_json: bool) -> None:
    """List everybody with their roles."""
    from gateway.clock import to_text
    from gateway.operations.people import everybody

    people = with_store(config, everybody)
    if as_json:
        print_json(
            [{"name": p.name, "roles": p.roles, "disabled": p.disabled_at is not None} for p in people]
        )
        return
    rows = [
        [p.name, ", ".join(p.roles), "disabled" if p.disabled_at else "", to_text(p.created_at)]
        for p in people
    ]
    table(["name", "roles", "", "added"], rows)


@user.command()
@click.argument("name")
@as_json
@click.pass_obj
def disable(config: Path, name: str, as_json: bool) -> None:
    """Take all access away from NAME; what they did stays on record."""
    from gateway.operations.people import disable_person

    with_store(config, lambda database: disable_person(database, local_account(), name, time.time()))
    if as_json:
        print_json({"name": name, "disabled": True})
        return
    talk(f"{name} is disabled; their access tokens no longer work.")


@user.command("set-roles")
@click.argument("name")
@role_option
@as_json
@click.pass_obj
def set_roles(config: Path, name: str, roles: tuple[str, ...], as_json: bool) -> None:
    """Give NAME these roles instead of the present ones; their sessions end."""
    from gateway.operations import people

    wanted = tuple(Role(role) for role in roles)
    with_store(config, lambda store: people.set_roles(store, local_account(), name, wanted, time.time()))
    if as_json:
        print_json({"name": name, "roles": sorted(set(roles))})
        return
    talk(f"{name} has the roles: {', '.join(sorted(set(roles)))}. Their sessions have ended.")


@user.command("set-password")
@click.argument("name")
@as_json
@click.pass_obj
def set_password(config: Path, name: str, as_json: bool) -> None:
    """Set the password of NAME for the console: asked for on a terminal, else the first line of standard input."""
    from gateway.operations import accounts
    from gateway.operations.passwords import check_password, hash_password

    password = _typed_password()
    check_password(password, name)
    kept = hash_password(password)
    with_store(config, lambda store: accounts.set_password(store, local_account(), name, kept, time.time()))
    if as_json:
        print_json({"name": name, "password": "set"})
        return
    talk(f"The password of {name} is set; their sessions have ended.")


def _typed_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


@user.command("issue-token")
@click.argument("name")
@role_option
@click.option("--days", default=90, show_default=True, help="How long it works, 1 to 366.")
@click.option("--for", "label", default="", help="What it is for.")
@as_json
@click.pass_obj
def issue_token(
    config: Path, name: str, roles: tuple[str, ...], days: int, label: str, as_json: bool
) -> None:
    """Print a new access token of NAME, for all their roles or for those given; it is shown this once."""
    from gateway.operations.access_tokens import issue_access_token

    wanted = tuple(Role(role) for role in roles)
    token = with_store(
        config,
        lambda store: issue_access_token(
            store, local_account(), name, wanted, time.time(), label=label, days=days
        ),
    )
    if as_json:
        print_json({"name": name, "access_token": token})
    else:
        print(token)


@user.command()
@click.argument("name")
@as_json
@click.pass_obj
def tokens(config: Path, name: str, as_json: bool) -> None:
    """List the access tokens of NAME; the tokens themselves are kept nowhere."""
    from gateway.operations.access_tokens import list_access_tokens

    found = with_store(config, lambda store: list_access_tokens(store, name))
    if as_json:
        print_json([_shown(token) for token in found])
        return
    rows = [[str(value if value is not None else "") for value in _shown(token).values()] for token in found]
    table(["no.", "for", "roles", "state", "issued", "ends", "last used"], rows)


def _shown(token: "AccessTokenRow") -> dict[str, int | str | None]:
    from gateway.clock import to_text

    state = "revoked" if token.revoked_at is not None else "works" if token.works(time.time()) else "ended"
    ends, used = (None if at is None else to_text(at) for at in (token.expires_at, token.used_at))
    return {
        "number": token.id,
        "for": token.label,
        "roles": " ".join(token.roles),
        "state": state,
        "issued_at": to_text(token.created_at),
        "ends_at": ends,
        "used_at": used,
    }


@user.command("revoke-token")
@click.argument("name")
@click.argument("number", type=int)
@as_json
@click.pass_obj
def revoke_token(config: Path, name: str, number: int, as_json: bool) -> None:
    """Let access token NUMBER of NAME stand for nobody from now on."""
    from gateway.operations.access_tokens import revoke_access_token

    with_store(config, lambda store: revoke_access_token(store, local_account(), name, number, time.time()))
    if as_json:
        print_json({"name": name, "number": number, "revoked": True})
        return
    talk(f"Access token {number} of {name} is revoked.")
