"""The values of the domain, all frozen. Times are whole seconds since the Unix epoch (UTC)."""

import enum
from typing import Final, NewType

import msgspec

UserId = NewType("UserId", str)
"""EUI-64 of a DCC User in its normal form: eight upper-case hexadecimal octets joined by hyphens."""

ALL: Final = "ALL"
"""Stands for every class in a threshold's communication column."""

DEVICES: Final = "DEVICES"
"""Stands in a threshold's communication column for every class, counting target devices instead of messages."""

ANY_SERVICE: Final = "*"
"""Stands for every service in a threshold's service column."""


class CommunicationClass(enum.StrEnum):
    """How a communication is counted; one class per command variant and criticality."""

    SR = "SR"
    """Service Request (command variants 1, 2, 3 and 8)."""
    TRANSFORM = "TRANSFORM"
    """Critical request sent to be transformed into a Pre-Command (command variant 4)."""
    SPC = "SPC"
    """Signed Pre-Command (command variants 5, 6 and 7)."""
    S1C = "S1C"
    """Critical SMETS1 request: a critical variant sent with command variants 1 to 3."""
    UNKNOWN = "unknown"
    """Command variant 9 or a service reference variant that the catalogue does not hold."""


class Communication(msgspec.Struct, frozen=True, gc=False):
    """One DUIS request as the DCC sees it; its identity is `(request_id, communication_class)`."""

    request_id: str
    """`originator:target:counter` in normal form (upper-case EUI-64s)."""
    originator: UserId
    """The User ID that sends, and the key under which everything is counted."""
    target: str
    """EUI-64 of the device, or of the DCC for requests that address no device."""
    counter: int
    """0 to 2**64 - 1, rising for each originator."""
    command_variant: int
    """1 to 9 (DUIS 5.4, `CommandVariant`)."""
    service_reference: str
    """Such as `4.1`."""
    service_reference_variant: str
    """Such as `4.1.1`."""
    communication_class: CommunicationClass
    """What `Catalogue.classify` makes of the command variant and the service reference variant."""
    devices: int = 1
    """How many target devices it names: 1 in the header, all of a firmware's list (SRV 11.1 and 11.4), 0 where
    it addresses no device. A device that is named twice counts twice."""


class Alignment(enum.StrEnum):
    """Where a window starts."""

    ROLLING = "rolling"
    """The period that ends now."""
    CALENDAR = "calendar"
    """The UTC hour, day or week that holds now."""


class Level(enum.StrEnum):
    """The two levels of a threshold."""

    WARNING = "warning"
    QUARANTINE = "quarantine"


class Period(msgspec.Struct, frozen=True, order=True):
    """Length of a window."""

    seconds: int
    """60 (`PT1M`) to 2 678 400 (`P31D`)."""
    text: str
    """ISO 8601 duration as it was written, such as `PT1H`."""


class ThresholdKey(msgspec.Struct, frozen=True, order=True):
    """What a threshold counts; thresholds of one key are the standing one and its exceptions."""

    user_id: UserId
    communication: str
    """A `CommunicationClass` value, `ALL` or `DEVICES`."""
    service: str
    """A service reference variant, a service reference or `*`."""
    period_seconds: int
    alignment: Alignment


class Threshold(msgspec.Struct, frozen=True):
    """One row of an ADT file: two levels over one window of one kind of communication."""

    user_id: UserId
    communication: str
    """A `CommunicationClass` value, `ALL` or `DEVICES`."""
    service: str
    """A service reference variant, a service reference or `*`."""
    period: Period
    warning: int
    """A count above this is a warning breach."""
    quarantine: int
    """A count above this is what the DCC would quarantine."""
    effective_from: int
    effective_to: int | None = None
    """None for a standing threshold; the exclusive end of an exception otherwise."""
    alignment: Alignment = Alignment.ROLLING
    file_id: int = 0
    """The ADT file that set it (0 while it is only being checked)."""
    line: int = 0
    """Line of that file, the header being line 1."""

    @property
    def key(self) -> ThresholdKey:
        """What is counted."""
        return ThresholdKey(
            self.user_id, self.communication, self.service, self.period.seconds, self.alignment
        )

    @property
    def is_exception(self) -> bool:
        """Whether it holds for a limited time only."""
        return self.effective_to is not None

    def limit(self, level: Level) -> int:
        """Return the count that must be passed to breach *level*."""
        return self.warning if level is Level.WARNING else self.quarantine
