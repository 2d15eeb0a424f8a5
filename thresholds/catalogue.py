"""The service reference variants of DUIS 5.4 and how a communication of each is counted.

The facts are in `catalogue.csv`: variants, roles, criticality and modes as the DCC publishes them.
"""

import csv
import functools
import importlib.resources
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from thresholds.errors import CatalogueError
from thresholds.model import ANY_SERVICE, CommunicationClass

_ORDINARY: Final = frozenset({1, 2, 3})
_DCC_ONLY: Final = 8
_TRANSFORM: Final = 4
_SIGNED: Final = frozenset({5, 6, 7})
FIRMWARE_UPDATES: Final = frozenset({"11.1", "11.4"})
_YES: Final = {"yes": True, "no": False}


class ServiceVariant(msgspec.Struct, frozen=True):
    """One service reference variant (SRV)."""

    variant: str
    """Such as `4.1.1`."""
    service: str
    """The service reference it belongs to, such as `4.1`."""
    name: str
    critical: bool
    """Whether it is sent as a Pre-Command that the User signs (SMETS2)."""
    roles: frozenset[str]
    """User roles that may send it; empty where the DCC publishes none."""
    on_demand: bool
    future_dated: str
    """Where a future-dated request waits: `dsp`, `device` or `both`; empty if it cannot be."""
    dcc_scheduled: bool
    """Whether the DCC can send it on a schedule that the User set."""
    non_device: bool
    """Whether it addresses the DCC and no device."""
    encrypted_response: str
    """`likely` if its response seems to hold encrypted data (derived, not published), else empty."""

    def may_be_sent_by(self, roles: frozenset[str]) -> bool:
        """Whether one of *roles* is eligible; true where the DCC publishes no roles."""
        return not self.roles or not self.roles.isdisjoint(roles)


class Catalogue:
    """Service reference variants by their number. Read only."""

    def __init__(self, variants: Mapping[str, ServiceVariant]) -> None:
        self._variants = dict(variants)
        covered: dict[str, dict[str, ServiceVariant]] = {ANY_SERVICE: self._variants}
        for variant in variants.values():
            covered.setdefault(variant.service, {})[variant.variant] = variant
            covered.setdefault(variant.variant, {})[variant.variant] = variant
        self._covered = {service: tuple(found.values()) for service, found in covered.items()}

    def __getitem__(self, variant: str) -> ServiceVariant:
        return self._variants[variant]

    def __contains__(self, variant: object) -> bool:
        return variant in self._variants

    def __iter__(self) -> Iterator[ServiceVariant]:
        return iter(self._variants.values())

    def __len__(self) -> int:
        return len(self._variants)

    def get(self, variant: str) -> ServiceVariant | None:
        """Return the variant of this number, or None."""
        return self._variants.get(variant)

    def services(self) -> tuple[str, ...]:
        """Return all service references, such as `4.1`, in the order of the catalogue."""
        return tuple(dict.fromkeys(variant.service for variant in self))

    def covered_by(self, service: str) -> tuple[ServiceVariant, ...]:
        """Return the variants that a threshold's service (SRV, service reference or `*`) covers."""
        return self._covered.get(service, ())

    def classify(self, command_variant: int, variant: str) -> CommunicationClass:
        """Return how a request with this command variant (DUIS 5.4) and SRV is counted."""
        known = self._variants.get(variant)
        if known is None:
            return CommunicationClass.UNKNOWN
        if command_variant in _ORDINARY:
            return CommunicationClass.S1C if known.critical else CommunicationClass.SR
        if command_variant in _SIGNED:
            return CommunicationClass.SPC
        if command_variant == _TRANSFORM:
            return CommunicationClass.TRANSFORM
        return CommunicationClass.SR if command_variant == _DCC_ONLY else CommunicationClass.UNKNOWN

    def devices(self, variant: str, listed: int = 0) -> int:
        """Return how many target devices a request of this SRV names; *listed* is the length of its DeviceIDList.

        A firmware update (SRV 11.1, 11.4) is sent to the DCC and names the devices in its list: at least one,
        also where the list was not seen. Any other request that addresses the DCC names none.
        """
        if variant in FIRMWARE_UPDATES:
            return max(1, listed)
        known = self._variants.get(variant)
        return 0 if known and known.non_device else 1


def parse_catalogue(text: str) -> Catalogue:
    """Return the catalogue that the CSV *text* holds; lines that start with `#` are comments.

    Raises `CatalogueError` where a row lacks a column, holds another word or repeats a variant.
    """
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found: dict[str, ServiceVariant] = {}
    for row in csv.DictReader(lines, strict=True):
        try:
            variant = _variant(row)
        except (KeyError, AttributeError):
            raise _unreadable(row, "is incomplete") from None
        if variant.variant in found:
            raise _unreadable(row, "repeats a variant")
        found[variant.variant] = variant
    return Catalogue(found)


@functools.cache
def load_catalogue() -> Catalogue:
    """Return the catalogue that comes with this package, read once."""
    return parse_catalogue(
        importlib.resources.files("thresholds").joinpath("catalogue.csv").read_text("utf-8")
    )


def _variant(row: Mapping[str, str]) -> ServiceVariant:
    return ServiceVariant(
        variant=row["variant"],
        service=row["service"],
        name=row["name"],
        critical=_YES[row["critical"]],
        roles=frozenset(row["roles"].split()),
        on_demand=_YES[row["on_demand"]],
        future_dated=row["future_dated"],
        dcc_scheduled=_YES[row["dcc_scheduled"]],
        non_device=_YES[row["non_device"]],
        encrypted_response=row["encrypted_response"],
    )


def _unreadable(row: Mapping[str, str], reason: str) -> CatalogueError:
    return CatalogueError(
        code="bad_catalogue",
        message=f"the service catalogue cannot be used: the row {row} {reason}",
        remedy="install the package again",
    )
