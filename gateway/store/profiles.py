"""The texts of the profiles that files were submitted under, byte for byte, each kept once."""

from sqlalchemy import LargeBinary, cast, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import profiles


async def keep_profile(connection: AsyncConnection, sha256: str, content: bytes, now: int) -> None:
    """Keep the text of a profile by its SHA-256, unless it is there."""
    if await get_profile(connection, sha256) is None:
        await connection.execute(insert(profiles).values(sha256=sha256, content=content, kept_at=now))


async def get_profile(connection: AsyncConnection, sha256: str) -> bytes | None:
    """Return the text that is kept under this SHA-256; whether it is the one is for the caller to check."""
    # SQLite keeps text where somebody wrote it instead of bytes: it is read as bytes, to be found wrong.
    query = select(cast(profiles.c.content, LargeBinary)).where(profiles.c.sha256 == sha256)
    content = (await connection.execute(query)).scalar_one_or_none()
    return None if content is None else bytes(content)
