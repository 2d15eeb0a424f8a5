"""People and their access tokens, managed on the daemon's machine."""

import asyncio
import getpass
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from gateway.access import Role
from gateway.cli.output import as_json, print_json, table, talk

if TYPE_CHECKING:
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
    talk(f"{name} is added. Issue an access token: adt-gateway user issue-token {name}")


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


@user.command("issue-token")
@click.argument("name")
@role_option
@as_json
@click.pass_obj
def issue_token(config: Path, name: str, roles: tuple[str, ...], as_json: bool) -> None:
    """Print a new access token of NAME, for all their roles or for those given; it is shown this once."""
    from gateway.operations.people import issue_access_token

    wanted = tuple(Role(role) for role in roles)
    token = with_store(
        config, lambda database: issue_access_token(database, local_account(), name, wanted, time.time())
    )
    if as_json:
        print_json({"name": name, "access_token": token})
    else:
        print(token)
