"""Remembers which communications were counted, for a limited time."""

from collections.abc import Iterable

from thresholds.model import Communication, CommunicationClass

Identity = tuple[str, CommunicationClass]
"""(RequestID, class): a critical request is counted once as TRANSFORM and once as SPC."""


def identity(communication: Communication) -> Identity:
    """Return what makes two deliveries the same communication."""
    return communication.request_id, communication.communication_class


class Deduplication:
    """The identities counted within the last *horizon* seconds, in the order of their arrival."""

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon
        self._seen: dict[Identity, int] = {}

    def __contains__(self, key: Identity) -> bool:
        return key in self._seen

    def __len__(self) -> int:
        return len(self._seen)

    def remember(self, keys: Iterable[Identity], now: int) -> None:
        """Remember *keys* from *now* on, and forget what is older than the horizon."""
        self._seen.update(dict.fromkeys(keys, now))
        oldest = now - self._horizon
        while self._seen:
            key = next(iter(self._seen))
            if self._seen[key] >= oldest:
                return
            del self._seen[key]
