"""Parts of ADT files for tests: the default profile, our User IDs, rows and files."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from thresholds.adt_file import AdtCheck, check_adt_file
from thresholds.catalogue import load_catalogue
from thresholds.eui64 import parse_user_id
from thresholds.model import UserId
from thresholds.profile import Profile, parse_profile

ROOT: Final = Path(__file__).parents[2]
DATA: Final = ROOT / "tests" / "data" / "adt"
PROFILE_TEXT: Final = (ROOT / "config" / "profiles" / "adt-1.toml").read_text("utf-8")
PROFILE: Final = parse_profile(PROFILE_TEXT)
HEADER: Final = ",".join(PROFILE.headers)

SUPPLIER: Final = parse_user_id("90-B3-D5-1F-30-01-00-00")
GAS_SUPPLIER: Final = parse_user_id("90-B3-D5-1F-30-02-00-00")
NETWORK: Final = parse_user_id("90-B3-D5-1F-30-03-00-00")
USERS: Final[Mapping[UserId, frozenset[str]]] = {
    SUPPLIER: frozenset({"IS", "GS"}),
    GAS_SUPPLIER: frozenset({"GS"}),
    NETWORK: frozenset({"ED"}),
}

NOW: Final = 1_795_219_200
"""2026-11-21T00:00:00Z."""

GOOD_ROW: Final = (SUPPLIER, "SPC", "7.2", "PT1H", "80", "100", "2026-12-01T00:00:00Z", "")


def check(
    data: bytes | str,
    *,
    name: str = "adt.csv",
    profile: Profile = PROFILE,
    users: Mapping[UserId, frozenset[str]] = USERS,
    now: int = NOW,
) -> AdtCheck:
    """Check *data* with the default profile, catalogue and User IDs."""
    raw = data.encode() if isinstance(data, str) else data
    return check_adt_file(
        raw, name=name, profile=profile, catalogue=load_catalogue(), service_users=users, now=now
    )


def adt_text(rows: Iterable[Iterable[str]], end: str = "\n") -> str:
    """Return an ADT file of the default profile with these rows, cells as they are."""
    return "".join(line + end for line in (HEADER, *(",".join(row) for row in rows)))


def many_rows(count: int) -> tuple[list[tuple[str, ...]], dict[UserId, frozenset[str]]]:
    """Return *count* valid rows of ten User IDs, all services, classes and periods, and the User IDs.

    A third of them are standing thresholds, the others are exceptions.
    """
    users = [parse_user_id(f"90-B3-D5-1F-30-10-00-{number:02X}") for number in range(10)]
    periods = [f"PT{minutes}M" for minutes in range(1, 1_440, 97)]
    classes = {False: ("SR", "ALL"), True: ("SPC", "TRANSFORM", "S1C", "ALL")}
    keys = (
        (user, communication, variant.variant, period)
        for period, user, variant in itertools.product(periods, users, load_catalogue())
        for communication in classes[variant.critical]
    )
    rows: list[tuple[str, ...]] = []
    for number, key in enumerate(keys):
        warning = 1_000 + number * 7 % 9_000_017
        levels = (str(warning), str(warning * 5 // 4))
        rows.append((*key, *levels, "2026-12-01T00:00:00Z", ""))
        rows.append((*key, *levels, "2027-01-01T00:00:00Z", "2027-01-04T00:00:00Z"))
        rows.append((*key, *levels, "2027-02-01T00:00:00Z", "2027-02-04T00:00:00Z"))
    if count > len(rows):
        message = f"only {len(rows)} rows"
        raise ValueError(message)
    every = frozenset({"IS", "ES", "GS", "RSA", "ED", "GT", "OU"})
    return rows[:count], dict.fromkeys(users, every)
