"""Pages of a long list, and the conditions that stand in its address."""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from gateway.errors import InvalidInput

ROWS: Final = 50
"""Rows of one page."""
HIGHEST: Final = 2**31 - 1
LONGEST: Final = 200
"""Characters of a condition."""


class Paging(msgspec.Struct, frozen=True):
    """Which page of a list is shown; `path` is the list with its conditions, but for the page."""

    path: str
    page: int
    count: int
    """Rows of all pages."""
    rows: int = ROWS
    is_more: bool = False
    """Whether there are more rows than were counted."""

    @property
    def pages(self) -> int:
        """How many there are; an empty list has one."""
        return max(1, -(-self.count // self.rows))

    @property
    def first(self) -> int:
        """Number of the first row that is shown, from 1."""
        return min((self.page - 1) * self.rows + 1, self.count)

    @property
    def last(self) -> int:
        """Number of the last row that is shown."""
        return min(self.page * self.rows, self.count)

    def to(self, page: int) -> str:
        """Return the address of another page."""
        return f"{self.path}{'&' if '?' in self.path else '?'}page={page}"


def asked_number(request: web.Request, name: str, default: int, lowest: int = 0) -> int:
    """Return a number of the query; raise `InvalidInput` where it is none from *lowest* to `HIGHEST`."""
    text = request.query.get(name, "").strip() or str(default)
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(HIGHEST)) else -1
    if not lowest <= number <= HIGHEST:
        msg = f"{name} must be a number from {lowest} to {HIGHEST}"
        raise InvalidInput("query_malformed", msg, "Correct the address.")
    return number


def asked_text(request: web.Request, name: str) -> str:
    """Return a condition of the query without outer blanks, cut to `LONGEST`."""
    return request.query.get(name, "").strip()[:LONGEST]


def asked_choice(request: web.Request, name: str, choices: Iterable[str]) -> str:
    """Return a condition of the query that is one of *choices* or empty; raise `InvalidInput` otherwise."""
    text, known = asked_text(request, name), tuple(choices)
    if text and text not in known:
        msg = f"{name} must be one of {', '.join(known)}"
        raise InvalidInput("query_malformed", msg, "Choose from the list.")
    return text


def address(path: str, conditions: Mapping[str, str]) -> str:
    """Return *path* with the conditions that are not empty."""
    query = urlencode({name: value for name, value in conditions.items() if value})
    return f"{path}?{query}" if query else path
