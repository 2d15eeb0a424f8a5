"""The last answers of the DCC, for requests whose alert comes after their answer."""

from collections.abc import Iterable
from typing import Final

from gateway.ingest.dcc.checked import Checked
from gateway.store.quarantined import Answer

REMEMBERED: Final = 20_000
"""Answers: of half a minute where much is sent. Messages overtake each other by seconds, not by hours."""


class RecentAnswers:
    """Remembers the last answers that are believed."""

    def __init__(self) -> None:
        self._by_request: dict[str, Answer] = {}

    def add(self, group: Iterable[Checked]) -> set[str]:
        """Remember the answers among *group*, no acknowledgements; return the requests that they answer."""
        added = set()
        for each in group:
            response = each.response
            if response.kind != "answer" or response.is_acknowledgement:
                continue
            if each.is_believed and response.request_id:
                times = response.responded_at_ms, each.message.received_at_ms
                answer = Answer(*times, response.response_code, each.sha256)
                earlier = self._by_request.pop(response.request_id, answer)
                newest = max(earlier, answer, key=lambda one: one.responded_at_ms)
                self._by_request[response.request_id] = newest
                added.add(response.request_id)
        while len(self._by_request) > REMEMBERED:
            del self._by_request[next(iter(self._by_request))]
        return added

    def of(self, request_ids: Iterable[str]) -> dict[str, Answer]:
        """Return the answers to these requests that are remembered."""
        return {each: self._by_request[each] for each in request_ids if each in self._by_request}
