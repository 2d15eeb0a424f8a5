"""Counts of the past for a chart."""

import msgspec

from thresholds.model import ALL, ANY_SERVICE, DEVICES, Communication, UserId


class Stretch(msgspec.Struct, frozen=True):
    """Which counts of which time: those of every kind that a threshold of these three would count."""

    user_id: UserId
    communication: str
    """A class, `ALL` or `DEVICES`."""
    service: str
    """A service reference variant, a service reference or `*`."""
    first: int
    end: int
    """The first second after it."""
    step: int
    """60, 3 600 or 86 400 seconds; *first* and *end* are multiples of it."""

    def holds(self, sent: Communication) -> bool:
        """Tell whether *sent* is one of those."""
        return (
            sent.originator == self.user_id
            and self.communication in {sent.communication_class, ALL, DEVICES}
            and self.service in {sent.service_reference_variant, sent.service_reference, ANY_SERVICE}
        )
