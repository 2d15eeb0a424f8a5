"""The text of a profile is kept once, byte for byte; files of before profiles were kept have none."""

from alembic import command
from sqlalchemy import Connection, func, insert, select

from gateway.store.adt_files import list_files
from gateway.store.database import Database, open_database
from gateway.store.migrate import alembic_config, migrate
from gateway.store.profiles import get_profile, keep_profile
from gateway.store.schema import adt_files, profiles
from tests.support.databases import Backend
from tests.support.rows import file_values

SHA256 = "a" * 64


async def test_a_profile_is_kept_once_and_comes_back_as_it_was(database: Database) -> None:
    for _ in range(2):
        async with database.write() as connection:
            await keep_profile(connection, SHA256, b"id = '\xc3\xbc'\r\n", 1)
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(profiles)) == 1
        assert await get_profile(connection, SHA256) == b"id = '\xc3\xbc'\r\n"
        assert await get_profile(connection, "b" * 64) is None


async def test_files_of_before_profiles_were_kept_stay_without_one(backend: Backend) -> None:
    def migrate_half(connection: Connection) -> None:
        command.upgrade(alembic_config(connection), "0005")

    database = open_database(backend.settings)
    try:
        async with database.write() as connection:
            await connection.run_sync(migrate_half)
            await connection.execute(insert(adt_files).values(state="submitted", **file_values()))
        await migrate(database)
        async with database.read() as connection:
            (file,) = await list_files(connection)
        assert (file.profile, file.profile_sha256) == ("adt-1", None)
    finally:
        await database.close()
