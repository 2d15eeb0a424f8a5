"""Which rates a list shows and in which order: filters, order and page, as they stand in its address."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from gateway.operations.rates import ShownRate
from thresholds.model import ThresholdKey
from thresholds.period import format_period

PATH: Final = "/rates"
PAGE_ROWS: Final = 100
LONGEST: Final = 64
"""Characters of a filter."""
FILTERS: Final = ("user", "class", "service", "period", "state")
USUAL: Final = "-use"
"""The order unless another is asked for: nearest to its quarantine level first."""
_SEVERITY: Final = {"normal": 0, "warning": 1, "quarantine": 2}

Row = tuple[ThresholdKey, ShownRate]


def use(rate: ShownRate) -> float:
    """Return which part of its quarantine level a count has used; below 0 where no threshold holds."""
    if rate.quarantine is None:
        return -1.0
    return rate.count / rate.quarantine if rate.quarantine else float(rate.count) + 1.0


def _breach(rate: ShownRate) -> tuple[float, float]:
    told = rate.time_to_breach
    known = [each for each in (told.seconds, told.earliest) if each is not None] if told else []
    expected = told.seconds if told and told.seconds is not None else float("inf")
    return expected, min(known, default=float("inf"))


def _headroom(rate: ShownRate) -> tuple[bool, int]:
    return rate.headroom is None, rate.headroom or 0


_ORDERS: Final[Mapping[str, Callable[[Row], Any]]] = {
    "use": lambda row: (_SEVERITY[row[1].state], use(row[1])),
    "user": lambda row: row[0].user_id,
    "class": lambda row: row[0].communication,
    "service": lambda row: [int(part) for part in row[0].service.split(".")] if row[0].service != "*" else [],
    "period": lambda row: row[0].period_seconds,
    "count": lambda row: row[1].count,
    "headroom": lambda row: _headroom(row[1]),
    "breach": lambda row: _breach(row[1]),
    "state": lambda row: _SEVERITY[row[1].state],
}


ORDERS: Final[Mapping[str, str]] = {
    "-use": "most used first",
    "use": "least used first",
    "breach": "soonest breach first",
    "headroom": "least headroom first",
    "-count": "highest count first",
    "-state": "worst state first",
    "service": "service",
    "class": "class",
    "period": "shortest period first",
    "user": "User ID",
}
"""The orders that the form names; the headers of the table give every one in both directions."""


class Wanted(msgspec.Struct, frozen=True):
    """What somebody wants to see of the rates; what makes no sense is left out."""

    filters: Mapping[str, str]
    """By name, of `FILTERS`; those that are not set are not in it."""
    text: str = ""
    """Stands in the row or in the service's name."""
    sort: str = USUAL
    page: int = 1

    def address(self, *, sort: str | None = None, page: int = 1) -> str:
        """Return the address of the same with another order or page; the usual is left out."""
        pairs = {
            **self.filters,
            "text": self.text,
            "sort": "" if (sort or self.sort) == USUAL else sort or self.sort,
        }
        pairs["page"] = "" if page == 1 else str(page)
        query = urlencode({name: value for name, value in pairs.items() if value})
        return f"{PATH}?{query}" if query else PATH

    @property
    def cleared(self) -> str:
        """The address of everything in the same order."""
        return Wanted({}, sort=self.sort).address()

    @property
    def unsorted(self) -> str:
        """The address without its order: what a header of the table adds its own to."""
        return self.address(sort=USUAL)


def wanted(query: Mapping[str, str]) -> Wanted:
    """Return what *query* asks for."""
    filters = {name: value[:LONGEST] for name in FILTERS if (value := query.get(name, "").strip())}
    sort, page = query.get("sort", USUAL), query.get("page", "1")
    return Wanted(
        filters,
        query.get("text", "").strip()[:LONGEST],
        sort if sort.removeprefix("-") in _ORDERS else USUAL,
        int(page) if page.isascii() and page.isdecimal() and 0 < len(page) <= 6 else 1,  # noqa: PLR2004
    )


class Found(msgspec.Struct, frozen=True):
    """One page of what was found."""

    rows: Sequence[Row]
    total: int
    page: int
    pages: int


def arranged(rates: Iterable[Row], wanted: Wanted, name: Callable[[str], str]) -> Found:
    """Return the page that is *wanted*; *name* gives a service in words."""
    found = [row for row in rates if _holds(row, wanted, name)]
    found.sort(key=lambda row: row[0])
    found.sort(key=_ORDERS[wanted.sort.removeprefix("-")], reverse=wanted.sort.startswith("-"))
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = max(1, min(wanted.page, pages))
    return Found(found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS], len(found), page, pages)


def _holds(row: Row, wanted: Wanted, name: Callable[[str], str]) -> bool:
    values = values_of(row)
    if any(values[filter_] != value for filter_, value in wanted.filters.items()):
        return False
    text = wanted.text.casefold()
    return not text or text in " ".join([*values.values(), row[1].period, name(row[0].service)]).casefold()


def values_of(row: Row) -> dict[str, str]:
    """Return what the filters look at."""
    key, rate = row
    return {
        "user": key.user_id,
        "class": key.communication,
        "service": key.service,
        "period": format_period(key.period_seconds),
        "state": rate.state,
    }


def orders(sort: str) -> list[tuple[str, str]]:
    """Return the orders that can be chosen, and the one that holds."""
    named = list(ORDERS.items())
    return named if sort in ORDERS else [*named, (sort, f"{sort.removeprefix('-')}, {_direction(sort)}")]


def _direction(sort: str) -> str:
    return "descending" if sort.startswith("-") else "ascending"


def options(rates: Iterable[Row], wanted: Wanted) -> dict[str, list[tuple[str, str]]]:
    """Return what each filter can be set to, as pairs of value and label, in the order of the list.

    Every state is among them, and so is what is *wanted* where no row has it: the form shows what holds.
    """
    rows = [(row, values_of(row)) for row in rates]
    found: dict[str, list[tuple[str, str]]] = {}
    for name in FILTERS:
        first = {values[name]: row for row, values in reversed(rows)}
        known = sorted(first, key=lambda value: _ORDERS[name](first[value]))
        known = [*_SEVERITY] if name == "state" else known
        asked = wanted.filters.get(name, "")
        absent = [(asked, f"{asked} (none now)")] if asked and asked not in known else []
        found[name] = [("", "any"), *[(value, value) for value in known], *absent]
    return found
