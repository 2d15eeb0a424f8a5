"""Which parts of the daemon work; what `/readyz` and `doctor` show."""

import msgspec

from gateway.metrics import READY


class PartHealth(msgspec.Struct, frozen=True):
    """One part's state."""

    part: str
    works: bool
    detail: str
    needed: bool
    """Whether the gateway is not ready without it."""


class Health:
    """The last known state of each part."""

    def __init__(self) -> None:
        self._parts: dict[str, PartHealth] = {}

    def report(self, part: str, works: bool, detail: str = "", *, needed: bool = True) -> None:
        """Set the state of *part*."""
        self._parts[part] = PartHealth(part, works, detail, needed)
        READY.labels(part).set(works)

    @property
    def ready(self) -> bool:
        """Whether every part that is needed works."""
        return all(part.works for part in self._parts.values() if part.needed)

    @property
    def parts(self) -> list[PartHealth]:
        """All parts by name."""
        return sorted(self._parts.values(), key=lambda part: part.part)
