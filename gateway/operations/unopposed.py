"""That no two decisions tell the DCC opposite things of one request."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Conflict
from gateway.store.decision_rows import opposed


async def require_unopposed(connection: AsyncConnection, request_ids: Sequence[str], action: str) -> None:
    """Raise `Conflict` (`request_opposed`) where an open decision says the opposite of one of these requests.

    The DCC may hold a request under two events, and each may be decided by itself; but it is one request.
    """
    found = await opposed(connection, request_ids, action)
    if found is None:
        return
    request_id, decision = found
    msg = f"decision {decision} tells the DCC otherwise of request {request_id}, held under another event"
    raise Conflict("request_opposed", msg, f"Look at it: adt-gateway quarantine show {decision}")
