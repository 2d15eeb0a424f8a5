"""Slows down whoever guesses passwords, and locks nobody out for good. Pure: time is an argument."""

import ipaddress
from typing import Final

import msgspec

from gateway.errors import TooMany

REMEMBERED: Final = 10_000
"""Accounts and addresses at the most; the one that tried longest ago is forgotten first."""


SUBNET_BITS: Final = 64
"""Of an IPv6 address: what a network gives to each of its machines to choose from."""


class Limit(msgspec.Struct, frozen=True):
    """How many attempts are free, and how long the delay grows."""

    free: int
    longest_seconds: float
    forgotten_seconds: float = 3600.0
    """After so long without an attempt everything is forgotten."""

    def delay(self, attempts: int) -> float:
        """Return how long to wait after so many attempts: 1 s after the free ones, then twice as long each time."""
        beyond = attempts - self.free
        return 0.0 if beyond < 0 else min(2.0 ** min(beyond, 30), self.longest_seconds)


ACCOUNT: Final = Limit(free=5, longest_seconds=60.0)
ADDRESS: Final = Limit(free=20, longest_seconds=300.0)


class Throttle:
    """Counts attempts of one kind, by account or by address.

    An attempt is counted when it begins, so a thousand at once gain nothing; one that succeeds is taken back.
    One that comes too early is not counted: it does not make the wait longer for the right person.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._tried: dict[str, tuple[int, float]] = {}

    def wait(self, key: str, now: float) -> float:
        """Return how many seconds *key* has to wait before the next attempt."""
        attempts, last = self._tried.get(key, (0, now))
        return max(0.0, last + self._limit.delay(attempts) - now)

    def count(self, key: str, now: float) -> None:
        """Count an attempt that begins."""
        attempts, last = self._tried.pop(key, (0, now))
        if now - last > self._limit.forgotten_seconds:
            attempts = 0
        self._tried[key] = (attempts + 1, now)  # moved to the end: the first is the one of longest ago
        if len(self._tried) > REMEMBERED:
            del self._tried[next(iter(self._tried))]

    def take_back(self, key: str) -> None:
        """Take back one attempt: it succeeded, or was not judged."""
        attempts, last = self._tried.get(key, (0, 0.0))
        if attempts > 1:
            self._tried[key] = (attempts - 1, last)
        else:
            self._tried.pop(key, None)

    def forget(self, key: str) -> None:
        """Forget all attempts of *key*."""
        self._tried.pop(key, None)


def place_of(address: str) -> str:
    """Return whose attempts those from *address* are: with IPv6 those of its /64, all of which one sender has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return address if found.version == 4 else str(ipaddress.ip_network((found, SUBNET_BITS), strict=False))  # noqa: PLR2004


class Attempts:
    """Attempts to sign in, counted by account and by address.

    Where an account came in before, its attempts count apart: whoever tries its password from elsewhere, for ever
    and from many addresses, slows down nobody there.
    """

    def __init__(self) -> None:
        self._accounts = Throttle(ACCOUNT)
        self._addresses = Throttle(ADDRESS)
        self._came_in: dict[str, None] = {}
        """Accounts with the places that they came in from, the latest last."""

    def _account(self, account: str, place: str) -> str:
        """Return under which name an attempt of *account* counts."""
        here = f"{account} {place}"
        return here if here in self._came_in else account

    def begin(self, account: str, address: str, now: float) -> None:
        """Count an attempt; raise `TooMany`, with the time to wait, where it comes too early."""
        place = place_of(address)
        account = self._account(account, place)
        seconds = max(self._accounts.wait(account, now), self._addresses.wait(place, now))
        if seconds > 0:
            msg = "there were too many attempts to sign in"
            raise TooMany("sign_in_slowed", msg, f"Try again in {max(1, round(seconds))} seconds.", seconds)
        self._accounts.count(account, now)
        self._addresses.count(place, now)

    def succeeded(self, account: str, address: str) -> None:
        """Forget what was tried under this name; of this address, this attempt alone."""
        place = place_of(address)
        self._accounts.forget(self._account(account, place))
        self._addresses.take_back(place)
        here = f"{account} {place}"
        self._came_in.pop(here, None)
        self._came_in[here] = None
        if len(self._came_in) > REMEMBERED:
            del self._came_in[next(iter(self._came_in))]

    def not_judged(self, account: str, address: str) -> None:
        """Take the attempt back: nothing was compared."""
        place = place_of(address)
        self._accounts.take_back(self._account(account, place))
        self._addresses.take_back(place)
