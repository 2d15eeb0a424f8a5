"""Checks an ADT file against its profile. The bytes are read, never written again."""

import hashlib

import msgspec

from thresholds.adt_rows import header_faults, name_faults, read_rows, read_text, size_faults
from thresholds.adt_rules import row_faults, row_rules
from thresholds.adt_sets import set_faults
from thresholds.adt_table import Table, Users, read_table, thresholds_of
from thresholds.catalogue import Catalogue
from thresholds.faults import Complaint, Fault, FaultList, Severity, at
from thresholds.model import Threshold
from thresholds.profile import Profile


class AdtCheck(msgspec.Struct, frozen=True):
    """What the check of one ADT file found."""

    name: str
    sha256: str
    """Of the bytes that were checked, in hexadecimal."""
    size: int
    """Bytes."""
    profile: str
    """Its id, and `(unverified)` if nobody compared it with the DCC's own template."""
    rows: int
    """Lines below the header; 0 if the file was not read so far."""
    thresholds: tuple[Threshold, ...]
    """In file order; empty unless the file is accepted."""
    faults: tuple[Fault, ...]
    """The first 1,000 errors in file order."""
    fault_count: int
    """All errors."""
    warnings: tuple[Fault, ...]
    """The first 1,000 warnings in file order."""
    warning_count: int
    """All warnings."""

    @property
    def accepted(self) -> bool:
        """Whether there is no error; warnings do not stop a file."""
        return not self.fault_count


def check_adt_file(
    data: bytes, *, name: str, profile: Profile, catalogue: Catalogue, service_users: Users, now: int
) -> AdtCheck:
    """Return what is wrong with an ADT file, or its thresholds; never raises for what is in the file.

    *service_users* are our User IDs with their roles, *now* is in seconds since the epoch. A User
    Threshold counts as the design says: `count > level` breaches, so 0 lets nothing pass.
    """
    found = FaultList()
    found.extend(name_faults(name, profile))
    too_large = size_faults(data, profile)
    found.extend(too_large)
    rows = 0
    table = None
    if not too_large:
        rows, table = _read(data, profile, catalogue, service_users, found)
    if table:
        _relate(table, profile, catalogue, service_users, now, found)
    accepted = table is not None and not found.count(Severity.ERROR)
    return AdtCheck(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        profile=profile.label,
        rows=rows,
        thresholds=thresholds_of(table, profile) if table and accepted else (),
        faults=found.kept(Severity.ERROR),
        fault_count=found.count(Severity.ERROR),
        warnings=found.kept(Severity.WARNING),
        warning_count=found.count(Severity.WARNING),
    )


def _read(
    data: bytes, profile: Profile, catalogue: Catalogue, users: Users, found: FaultList
) -> tuple[int, Table | None]:
    """Return the number of rows and, if the header is right, the values."""
    text, faults = read_text(data, profile)
    found.extend(faults)
    rows, faults = read_rows(text, profile)
    found.extend(faults)
    if rows[0] is None:
        return len(rows) - 1, None
    wrong = header_faults(rows[0], profile)
    found.extend(wrong)
    if len(rows) == 1:
        found.extend([at(Complaint("no_rows", "the file has no rows", "add at least one row"))])
    if wrong or len(rows) == 1:
        return len(rows) - 1, None
    return len(rows) - 1, read_table(rows, profile, catalogue, users, found)


def _relate(
    table: Table, profile: Profile, catalogue: Catalogue, users: Users, now: int, found: FaultList
) -> None:
    for rule in row_rules(profile, catalogue, users, now):
        found.extend(row_faults(table, rule))
    found.extend(set_faults(table, profile))
