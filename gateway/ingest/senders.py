"""Who sent something lately: noted once for each group, and bounded, since headers are hostile."""

from collections.abc import Iterable
from typing import Final

from gateway.store.journal import Observation
from thresholds.model import UserId

TRACKED: Final = 1000
"""User IDs that are told apart between two looks; beyond it no further one is taken note of."""


class Senders:
    """The User IDs that were counted since the last `take`."""

    def __init__(self) -> None:
        self._seen: set[UserId] = set()

    def note(self, group: Iterable[Observation]) -> None:
        """Take note of the senders of a group; one that takes it over the limit is noted whole."""
        if len(self._seen) < TRACKED:
            self._seen.update({observation.communication.originator for observation in group})

    def take(self) -> frozenset[UserId]:
        """Return who sent since the last call."""
        seen, self._seen = frozenset(self._seen), set()
        return seen
