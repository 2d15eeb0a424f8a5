"""One daemon for each database of PostgreSQL: two would each count what it gets, and neither the whole.

With SQLite the lock of the data directory does that. Here a session that stays open holds an advisory lock; it
ends with the daemon, or soon after the machine that vanished.
"""

import asyncio
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Conflict
from gateway.health import Health
from gateway.store.database import Database, unavailable

log = structlog.get_logger(__name__)

DAEMON_LOCK: Final = 0x4144_5444
"""Number of the PostgreSQL advisory lock that the daemon holds as long as it runs ("ADTD")."""
PATIENCE_SECONDS: Final = 40.0
"""How long a start waits for it: PostgreSQL lets go of a machine that vanished within `_KEEPALIVE`, some 25 seconds."""
TRY_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 5.0
"""How often it is looked whether the session still is there."""

_TAKE: Final = text("SELECT pg_try_advisory_lock(:n)")
_KEEPALIVE: Final = text(
    "SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)
_ALIVE: Final = text("SELECT 1")
_TROUBLE: Final = (DBAPIError, PoolTimeout, OSError)


class Sole:
    """The lock of the one daemon of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session: AsyncConnection | None = None
        self.is_needed = database.path is None
        """Whether the store is one that daemons of several machines could share."""

    async def take(self) -> None:
        """Take the lock before anything is read or written.

        Raises `Conflict` (`daemon_running`) where another daemon holds it, `Unavailable` without the database.
        """
        if not self.is_needed:
            return
        end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        try:
            if not await self._try():
                log.warning("waiting_for_another_daemon", seconds=PATIENCE_SECONDS)
            while self._session is None and not await self._try():
                if asyncio.get_running_loop().time() > end:
                    msg = "another daemon works on this database"
                    raise Conflict("daemon_running", msg, "Stop it first, or set another store.url.")
                await asyncio.sleep(TRY_SECONDS)
        except _TROUBLE as error:
            raise unavailable((error.orig or error) if isinstance(error, DBAPIError) else error) from error

    async def watch(self, health: Health) -> None:
        """Take it again where the session was lost, as at a restart of the database; not ready where another has it."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                is_held = await self._is_there() or await self._try()
            except _TROUBLE:
                continue  # without the database nothing is counted at all, and `store` says so
            if not is_held:
                log.error("daemon_not_alone", remedy="Stop the other daemon on this database.")
            health.report("alone", is_held, "" if is_held else "another daemon works on this database")

    async def close(self) -> None:
        """Let go of it."""
        session, self._session = self._session, None
        if session is not None:
            await session.invalidate()  # ends the session, which a return to the pool would not
            await session.close()

    async def _is_there(self) -> bool:
        if self._session is None:
            return False
        try:
            await self._session.execute(_ALIVE)
        except _TROUBLE:
            await self.close()
            return False
        return True

    async def _try(self) -> bool:
        session = await self._database.engine.connect()
        try:
            await session.execution_options(isolation_level="AUTOCOMMIT")
            await session.execute(_KEEPALIVE)
            taken = bool(await session.scalar(_TAKE, {"n": DAEMON_LOCK}))
        except BaseException:
            await session.invalidate()
            raise
        if taken:
            self._session = session
        else:
            await session.close()
        return taken
