"""Bring the store's tables to the present version."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

from gateway.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0015"
"""The newest migration: where the store is there, Alembic is not loaded, which takes a tenth of a start."""


def alembic_config(connection: Connection | None = None) -> "Config":
    """Return Alembic's configuration; it needs no file of its own."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


async def migrate(database: Database) -> None:
    """Apply the migrations that are missing, all in one transaction."""
    if await is_current(database):
        return
    from alembic import command

    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "head"))


async def is_current(database: Database) -> bool:
    """Tell whether no migration is missing."""
    async with database.read() as connection:
        return await connection.run_sync(_revision) == HEAD


def _revision(connection: Connection) -> str | None:
    """Return the migration at which the store is; None for a new one."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
