"""Transactions: one writer at a time, readers beside it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, CursorResult, event, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.errors import SettingsError, StoreRefused, Unavailable
from gateway.settings import Settings

WRITER_LOCK: Final = 0x4144_5447
"""Number of the PostgreSQL advisory lock that orders writers ("ADTG"): the audit chain has one end."""
LOCK_MILLISECONDS: Final = 5000
"""How long a transaction waits for the lock of another process."""

ANSWER_SECONDS: Final = 10.0
"""How long a PostgreSQL server may take to answer: one that hangs holds nobody up for ever."""
REACH_SECONDS: Final = 5.0
"""How long it may take to be reached. Who waits for one that hangs may wait for both: first for an answer over a
connection that is there, then for a new one."""

IDLE_MILLISECONDS: Final = 60_000
"""How long PostgreSQL keeps a transaction that writes while nothing happens in it: a machine that vanished within one
would keep its successor from writing until TCP notices, which may take hours."""
_BEGIN_WRITING: Final = text(
    "SELECT pg_advisory_xact_lock(:n), set_config('idle_in_transaction_session_timeout', :idle, true)"
)

PRAGMAS: Final = (
    f"busy_timeout={LOCK_MILLISECONDS}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
)
"""What every SQLite connection begins with: a commit is on disk when it returns."""


AFTER_COMMIT: Final = "adt_gateway_after_commit"
"""Where a connection keeps what is to be done after the commit of its transaction."""


def after_commit(connection: AsyncConnection, tell: Callable[[], None]) -> None:
    """Call *tell* once the transaction of *connection* is on disk, and never where it is rolled back."""
    connection.info[AFTER_COMMIT].append(tell)


class Database:
    """The store's connections. `write` is a transaction that nobody else's write can overlap."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._writing = asyncio.Lock()
        self._sqlite = engine.dialect.name == "sqlite"

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database."""
        return Path(self.engine.url.database or "") if self._sqlite else None

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Keep every other writer of this process out."""
        async with self._writing:
            yield

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that writes; commit at the end, roll back on any exception.

        Raises `Unavailable` (`store_unavailable`) where the database is locked, full or gone, and
        `StoreRefused` (`store_refused`) where what is written breaks a rule of a table.
        """
        async with self._writing, _translated(), self.engine.connect() as connection:
            await connection.execution_options(adt_gateway_write=True)
            news: list[Callable[[], None]] = []
            connection.info[AFTER_COMMIT] = news
            async with connection.begin():
                if not self._sqlite:
                    await connection.execute(
                        _BEGIN_WRITING, {"n": WRITER_LOCK, "idle": str(IDLE_MILLISECONDS)}
                    )
                yield connection
            for tell in news:
                tell()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that only reads one consistent state."""
        async with _translated(), self.engine.connect() as connection:
            if not self._sqlite:
                options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                await connection.execution_options(**options)
            async with connection.begin():
                yield connection

    async def settle(self) -> None:
        """Return once nothing is under way that another process began to write; raise `Unavailable` as `write` does.

        PostgreSQL goes on with the last commit of a process that was killed; with SQLite it dies with it.
        """
        if not self._sqlite:
            async with self.write():
                pass

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise _refused(error.orig or error) from error
    except (DBAPIError, PoolTimeout, OSError) as error:
        raise unavailable((error.orig or error) if isinstance(error, DBAPIError) else error) from error


def _refused(cause: BaseException) -> StoreRefused:
    msg = f"what was to be written breaks a rule of the database: {_first_line(cause)}"
    remedy = (
        "Nothing was written, and a repeat would not help: adt-gateway doctor; then tell who maintains this."
    )
    return StoreRefused("store_refused", msg, remedy)


def _first_line(cause: BaseException) -> str:
    # PostgreSQL's further lines may hold the row itself.
    return f"{type(cause).__name__}: {str(cause) or 'no answer in time'}".partition("\n")[0]


def unavailable(cause: BaseException) -> Unavailable:
    """Return what callers get where the database did not do its part."""
    msg = f"the database did not do its part: {_first_line(cause)}"
    remedy = "Look at the disk, the database and what else uses it; then repeat."
    return Unavailable("store_unavailable", msg, remedy)


def inserted_id(result: CursorResult[Any]) -> int:
    """Return the number that the database gave to the row just inserted."""
    return int((result.inserted_primary_key or (0,))[0])


def open_database(settings: Settings) -> Database:
    """Open the store that *settings* name; nothing is connected yet."""
    return open_store(settings.store_url, settings.store.password_file)


def open_store(store_url: str, password_file: Path | None) -> Database:
    """Open the store at this URL; a PostgreSQL password comes from its file."""
    try:
        url = make_url(store_url)
    except (ArgumentError, ValueError):
        msg = "store.url is no SQLAlchemy URL"
        raise SettingsError("settings_invalid", msg, "Correct host, port and name in it.") from None
    if url.get_backend_name() == "sqlite":
        return Database(_sqlite_engine(url))
    if password_file:
        url = url.set(password=_password(password_file))
    # A commit is on disk before anything is acknowledged, whatever the server's own default.
    session = {"lock_timeout": str(LOCK_MILLISECONDS), "synchronous_commit": "on"}
    return Database(
        create_async_engine(
            url,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "server_settings": session,
                "timeout": REACH_SECONDS,
                "command_timeout": ANSWER_SECONDS,
            },
        )
    )


def _password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"store.password_file: {path} cannot be read: {type(error).__name__}"
        raise SettingsError("settings_invalid", msg, "Let the daemon's account read it.") from None


def _create_private(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        msg = f"the database {path} cannot be opened: {error.strerror}"
        raise Unavailable("store_unavailable", msg, "Let the daemon's account write there.") from error


def _sqlite_engine(url: URL) -> AsyncEngine:
    _create_private(Path(url.database or ""))
    engine = create_async_engine(url, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        # A transaction that reads and then writes cannot be upgraded once another wrote in between,
        # whatever the busy timeout: it takes the write lock at its start.
        writes = connection.get_execution_options().get("adt_gateway_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
