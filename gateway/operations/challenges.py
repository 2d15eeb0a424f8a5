"""Random numbers that somebody was given to sign for: each is taken once, soon, by the session that got it."""

import secrets
from typing import Final

import msgspec

from gateway.clock import Clock
from gateway.errors import Conflict

LASTS_SECONDS: Final = 300.0
MOST: Final = 10_000
"""At a time; the oldest is forgotten first."""
OF_A_SESSION: Final = 20
"""At a time: one session pushes out its own alone."""


class _Given(msgspec.Struct, frozen=True):
    session: int
    purpose: str
    at: float


class Challenges:
    """What is given out and not taken yet; a restart forgets it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._given: dict[str, _Given] = {}

    def give(self, session: int, purpose: str) -> str:
        """Return a new random number for *session*, for *purpose* alone."""
        own = [nonce for nonce, given in self._given.items() if given.session == session]
        for nonce in own[: max(0, len(own) - OF_A_SESSION + 1)]:
            del self._given[nonce]
        if len(self._given) >= MOST:
            del self._given[next(iter(self._given))]
        nonce = secrets.token_urlsafe(32)
        self._given[nonce] = _Given(session, purpose, self._clock())
        return nonce

    def take(self, nonce: str, session: int, purpose: str) -> None:
        """Take *nonce*, for good; raise `Conflict` unless it was given to *session* for *purpose*, just now."""
        given = self._given.pop(nonce, None)
        now = self._clock()
        lasts = given is not None and 0 <= now - given.at < LASTS_SECONDS
        if given is None or not lasts or (given.session, given.purpose) != (session, purpose):
            msg = (
                "this was asked for in another session, for something else, too long ago, or was used already"
            )
            raise Conflict("passkey_challenge_over", msg, "Open the page again.")
