"""One digest in the making: pure, for a thread."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import structlog

from gateway.ingest.deduplication import fingerprint, packed
from gateway.store.digests import Digest
from gateway.store.journal import JournalRow
from gateway.store.places import Place, not_before, pack, place
from thresholds.kind import Kind
from thresholds.model import CommunicationClass, UserId

log = structlog.get_logger(__name__)

KINDS_LIMIT: Final = 50_000
"""Kinds that get a number of their own: ten users send about 4,000. Headers are hostile, so there is an end."""


NOBODY: Final = UserId("")
"""Stands for every User ID that has no threshold, past the limit."""


class KindNumbers:
    """Gives each kind its number, and new ones the next."""

    def __init__(self, known: Mapping[Kind, int], covered: Collection[UserId]) -> None:
        self._known = dict(known)
        self._covered = covered
        self._next = max(known.values(), default=0) + 1
        self._said = False
        self.new: dict[Kind, int] = {}

    def number(self, kind: Kind) -> int:
        """Return the number of *kind*.

        Past the limit, services that the catalogue does not know share one number for each user who is *covered*
        by a threshold: the windows over everything that a user sends count them all the same. New kinds of
        those who have no threshold share one for each class, since they may be invented.
        """
        if kind not in self._known and len(self._known) >= KINDS_LIMIT:
            kind = self._one_for_many(kind)
        if kind not in self._known:
            self._known[kind] = self.new[kind] = self._next
            self._next += 1
        return self._known[kind]

    def _one_for_many(self, kind: Kind) -> Kind:
        user, name, *_ = kind
        covered = user in self._covered
        if covered and name is not CommunicationClass.UNKNOWN:
            return kind
        if not self._said:
            log.warning("too_many_kinds", limit=KINDS_LIMIT, user_id=user)
            self._said = True
        return user if covered else NOBODY, name, "", ""


class Fold:
    """Adds up rows of the journal."""

    def __init__(self, seed: int, history_until: int) -> None:
        self._seed = seed
        self._history_until = history_until
        self._counts: Counter[Place] = Counter()
        self._fingerprints: list[int] = []
        self._received: list[int] = []
        self._last = 0

    @property
    def communications(self) -> int:
        """How many there are so far."""
        return len(self._fingerprints)

    @property
    def rows(self) -> int:
        """Of how many rows of the journal."""
        return len(self._received)

    def add(self, rows: Iterable[JournalRow]) -> None:
        """Add rows in their order."""
        for row in rows:
            self._counts.update(map(place, row.observations))
            for observation in row.observations:
                self._fingerprints.append(fingerprint(observation.communication, self._seed))
            self._received.append(row.received_at)
            self._last = row.id

    def digest(self, numbers: KindNumbers) -> Digest:
        """Return the digest of the rows, of which there is at least one.

        A place whose minute is in the history already (a clock was set back) counts in the first that is not.
        """
        counts: Counter[Place] = Counter()
        for found, n in not_before(self._history_until, self._counts):
            counts[found] += n
        seconds = [second for _, second, _ in counts] or [self._received[-1]]
        return Digest(
            journal_id=self._last,
            received_from=min(self._received),
            received_until=max(self._received),
            placed_from=min(seconds),
            placed_until=max(seconds),
            communications=len(self._fingerprints),
            places=pack(counts, numbers.number),
            fingerprints=packed(self._fingerprints),
        )
