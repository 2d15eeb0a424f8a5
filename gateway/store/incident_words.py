"""The words by which incidents are found: those of their title and of the reason of their closing."""

import re
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import incidents
from gateway.store.word_schema import WORD_LENGTH, incident_words

MOST_TERMS: Final = 8
"""Words of a search that are looked at."""
COMMON: Final = 1000
"""A beginning of so many words is common: the list is looked through instead."""
_WORD: Final = re.compile(r"[^\W_]+(?:[.:-][^\W_]+)*")
_LAST: Final = chr(0x10FFFF)


def words_of(*texts: str | None) -> set[str]:
    """Return the words of *texts* in lower case; what dots, colons or hyphens join is one word."""
    return {word[:WORD_LENGTH] for text in texts for word in _WORD.findall((text or "").lower())}


async def keep_words(connection: AsyncConnection, incident_id: int) -> None:
    """Keep the words of an incident as it is now."""
    query = select(incidents.c.title, incidents.c.reason).where(incidents.c.id == incident_id)
    wanted = words_of(*(await connection.execute(query)).one())
    own = incident_words.c.incident_id == incident_id
    kept = set((await connection.execute(select(incident_words.c.word).where(own))).scalars())
    if gone := kept - wanted:
        await connection.execute(delete(incident_words).where(own, incident_words.c.word.in_(gone)))
    if new := wanted - kept:
        rows = [{"word": word, "incident_id": incident_id} for word in sorted(new)]
        await connection.execute(insert(incident_words), rows)


def begins(term: str) -> ColumnElement[bool]:
    """Hold for words that begin with *term*."""
    return and_(incident_words.c.word >= term, incident_words.c.word < term + _LAST)


async def terms_of(connection: AsyncConnection, text: str) -> list[tuple[str, bool]]:
    """Return the words of a search, and whether each is common; the rarest first."""
    found = []
    for term in sorted(words_of(text), key=len, reverse=True)[:MOST_TERMS]:
        some = select(incident_words.c.incident_id).where(begins(term)).limit(COMMON).subquery()
        count = (await connection.execute(select(func.count()).select_from(some))).scalar_one()
        found.append((count, term))
    return [(term, count >= COMMON) for count, term in sorted(found)]
