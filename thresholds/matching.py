"""Which watches a communication touches."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from thresholds.kind import Kind
from thresholds.model import ALL, ANY_SERVICE, DEVICES, UserId
from thresholds.watch import Watch

Touched = tuple[tuple[Watch, ...], tuple[Watch, ...]]
"""The watches that count messages of a kind, and those that count the devices they name."""

UNTOUCHED: Final[Touched] = ((), ())


class Matching:
    """The watches of a monitor by what they count."""

    def __init__(self, watches: Iterable[Watch]) -> None:
        self._places: defaultdict[UserId, dict[tuple[str, str], list[Watch]]] = defaultdict(dict)
        for watch in watches:
            place = watch.key.communication, watch.key.service
            self._places[watch.key.user_id].setdefault(place, []).append(watch)

    def touched(self, kind: Kind) -> Touched | None:
        """Return the watches that a communication of *kind* touches, each once; None for an unknown user."""
        user_id, communication_class, reference, variant = kind
        places = self._places.get(user_id)
        if places is None:
            return None
        services = dict.fromkeys((variant, reference, ANY_SERVICE))
        pairs = [(name, service) for name in (communication_class, ALL) for service in services]
        messages = tuple(watch for pair in pairs for watch in places.get(pair, ()))
        devices = tuple(watch for service in services for watch in places.get((DEVICES, service), ()))
        return messages, devices
