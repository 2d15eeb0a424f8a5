"""Which thresholds a User ID is to have, and which it has.

SEC G6.3 asks each User, for every User ID and each role that makes it eligible for a service, for a threshold of
the total of its Signed Pre-Commands and of its Service Requests whose responses hold encrypted data; SMETS1
critical requests came later. All of that is told second hand: nobody here compared it with the SEC's own text, and
which responses hold encrypted data is derived from published test responses.
"""

import enum
from collections.abc import Iterable, Mapping

import msgspec

from thresholds.catalogue import Catalogue, ServiceVariant
from thresholds.model import ALL, ANY_SERVICE, DEVICES, CommunicationClass, Threshold, UserId


class Duty(enum.StrEnum):
    """A kind of total that G6.3 asks for; the value says it to people."""

    SIGNED = "Signed Pre-Commands"
    SMETS1 = "critical SMETS1 requests"
    ENCRYPTED = "requests with encrypted responses"

    @property
    def communication(self) -> CommunicationClass:
        """The class that is counted."""
        return _CLASS[self]


_CLASS = {
    Duty.SIGNED: CommunicationClass.SPC,
    Duty.SMETS1: CommunicationClass.S1C,
    Duty.ENCRYPTED: CommunicationClass.SR,
}


class Cover(enum.StrEnum):
    """How a total is limited."""

    OWN = "own"
    """By a standing threshold of that class and that service."""
    WIDER = "wider"
    """Only together with other services or classes."""
    NONE = "none"


class Asked(msgspec.Struct, frozen=True):
    """One total that is asked for, and how it is limited."""

    duty: Duty
    variant: ServiceVariant
    cover: Cover


class Coverage(msgspec.Struct, frozen=True):
    """What one User ID is asked for."""

    user_id: UserId
    roles: frozenset[str]
    """Empty where they are not known: then it is not known either what is asked for."""
    asked: tuple[Asked, ...]

    def count(self, duty: Duty, cover: Cover) -> int:
        """Return how many totals of *duty* are limited like that."""
        return sum(each.duty == duty and each.cover == cover for each in self.asked)

    def lacking(self, duty: Duty, cover: Cover = Cover.NONE) -> tuple[ServiceVariant, ...]:
        """Return the services of *duty* that are limited like that."""
        return tuple(each.variant for each in self.asked if each.duty == duty and each.cover == cover)


def coverage(
    thresholds: Iterable[Threshold], users: Mapping[UserId, frozenset[str]], catalogue: Catalogue
) -> tuple[Coverage, ...]:
    """Return what each of *users* (with its roles) is asked for and has among *thresholds*, in their order.

    Exceptions limit nothing outside their time, so standing thresholds alone are looked at.
    """
    places: dict[UserId, set[tuple[str, str]]] = {}
    for threshold in thresholds:
        if not threshold.is_exception:
            places.setdefault(threshold.user_id, set()).add((threshold.communication, threshold.service))
    return tuple(
        Coverage(user, roles, _asked(places.get(user, set()), roles, catalogue))
        for user, roles in users.items()
    )


def _asked(places: set[tuple[str, str]], roles: frozenset[str], catalogue: Catalogue) -> tuple[Asked, ...]:
    if not roles:
        return ()
    return tuple(
        Asked(duty, variant, _cover(places, duty, variant))
        for duty in Duty
        for variant in catalogue
        if _falls_under(variant, duty) and variant.may_be_sent_by(roles)
    )


def _falls_under(variant: ServiceVariant, duty: Duty) -> bool:
    if duty is Duty.ENCRYPTED:
        return bool(variant.encrypted_response) and not variant.critical
    return variant.critical


def _cover(places: set[tuple[str, str]], duty: Duty, variant: ServiceVariant) -> Cover:
    own = {(duty.communication, service) for service in (variant.variant, variant.service)}
    if own & places:
        return Cover.OWN
    services = (variant.variant, variant.service, ANY_SERVICE)
    wider = {(name, service) for name in (duty.communication, ALL, DEVICES) for service in services}
    return Cover.WIDER if wider & places else Cover.NONE
