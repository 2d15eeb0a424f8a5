"""The last answers of the DCC, for requests whose alert comes after their answer."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ingest.dcc.checked import Checked
from gateway.store.dcc_answers import keep_answers, kept_answers
from gateway.store.quarantined import Answer

REMEMBERED: Final = 20_000
"""Answers: of half a minute where much is sent. Messages overtake each other by seconds, not by hours."""


class RecentAnswers:
    """Remembers the last answers that are believed; they are in the store too, for the next start."""

    def __init__(self) -> None:
        self._by_request: dict[str, Answer] = {}
        self._loaded = False

    async def add(self, connection: AsyncConnection, group: Iterable[Checked]) -> set[str]:
        """Remember and keep the answers among *group*, no acknowledgements; return the requests that they answer."""
        if not self._loaded:
            for request_id, answer in await kept_answers(connection):
                self._remember(request_id, answer)
            self._loaded = True
        added: dict[str, Answer] = {}
        for each in group:
            response = each.response
            if response.kind != "answer" or response.is_acknowledgement:
                continue
            if each.is_believed and response.request_id:
                times = response.responded_at_ms, each.message.received_at_ms
                answer = Answer(*times, response.response_code, each.sha256)
                added[response.request_id] = self._remember(response.request_id, answer)
        await keep_answers(connection, added, REMEMBERED)
        while len(self._by_request) > REMEMBERED:
            del self._by_request[next(iter(self._by_request))]
        return set(added)

    def _remember(self, request_id: str, answer: Answer) -> Answer:
        """Return the newest answer to the request: an old one may come again."""
        earlier = self._by_request.pop(request_id, answer)
        newest = max(earlier, answer, key=lambda one: one.responded_at_ms)
        self._by_request[request_id] = newest
        return newest

    def of(self, request_ids: Iterable[str]) -> dict[str, Answer]:
        """Return the answers to these requests that are remembered."""
        return {each: self._by_request[each] for each in request_ids if each in self._by_request}
