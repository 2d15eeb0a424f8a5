"""The last answers of the DCC, whatever they answer: the alert of a request may come after its answer."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dcc_schema import dcc_answers
from gateway.store.quarantined import Answer

_Kept = dict[str, Answer]


async def keep_answers(connection: AsyncConnection, answers: Mapping[str, Answer], most: int) -> None:
    """Keep *answers*, by RequestID, and forget those before the last *most* or so."""
    if not answers:
        return
    last = (await connection.execute(select(func.max(dcc_answers.c.number)))).scalar_one() or 0
    number = last + len(answers)
    content = msgspec.msgpack.encode(answers)
    await connection.execute(insert(dcc_answers).values(number=number, content=content))
    await connection.execute(delete(dcc_answers).where(dcc_answers.c.number <= number - most))


async def kept_answers(connection: AsyncConnection) -> list[tuple[str, Answer]]:
    """Return the answers that are kept, by RequestID, in the order in which they came."""
    rows = await connection.execute(select(dcc_answers.c.content).order_by(dcc_answers.c.number))
    groups = [msgspec.msgpack.decode(content, type=_Kept) for content in rows.scalars()]
    return [each for group in groups for each in group.items()]
