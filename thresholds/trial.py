"""What a threshold would have raised in the past: the values, without what works them out."""

import msgspec

from thresholds.model import Level


class Spell(msgspec.Struct, frozen=True):
    """One episode that would have been told."""

    opened: int
    ended: int | None
    """None where it was open at the end of the counts, or where a quarantine took it over."""
    level: Level


class Trial(msgspec.Struct, frozen=True):
    """What one threshold would have raised."""

    warnings: int
    quarantines: int
    highest: int
    """The highest count."""
