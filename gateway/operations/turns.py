"""Long work that people ask for, taken in turns: one piece at a time, and of each person one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from gateway.errors import TooMany

MOST_OF_ONE: Final = 4
"""Pieces of one person under way or waiting: several pages opened at once, and no loop."""
MOST: Final = 16
"""Pieces of all people under way or waiting."""
AGAIN_SECONDS: Final = 5.0


class Turns:
    """Lets one piece of work run at a time. Whoever waits behind their own holds up nobody else."""

    def __init__(self, code: str, what: str) -> None:
        """*code* is that of the refusal, *what* the work in a word or two, such as `files`."""
        self._code = code
        self._what = what
        self._one = asyncio.Lock()
        self._own: dict[str, asyncio.Lock] = {}
        self._asked: Counter[str] = Counter()

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Wait for the turn of the person called *name*; raise `TooMany` where too much waits already."""
        self._enter(name)
        try:
            # Their own first: in the line of all stands one piece of each person, so turns go round.
            async with self._own.setdefault(name, asyncio.Lock()), self._one:
                yield
        finally:
            self._asked[name] -= 1
            if not self._asked[name]:
                del self._asked[name], self._own[name]

    @asynccontextmanager
    async def any(self) -> AsyncIterator[None]:
        """Wait for a turn with work that is bounded elsewhere; it is refused never."""
        async with self._one:
            yield

    def _enter(self, name: str) -> None:
        if self._asked[name] >= MOST_OF_ONE:
            msg = f"{name} asked for {MOST_OF_ONE} {self._what} at once already, and each takes its time"
            raise self._refusal(msg, "Wait until one of them is shown, then ask again.")
        if self._asked.total() >= MOST:
            msg = f"people asked for {MOST} {self._what} at once already, and each takes its time"
            raise self._refusal(msg, f"Ask again in {AGAIN_SECONDS:.0f} seconds.")
        self._asked[name] += 1

    def _refusal(self, msg: str, remedy: str) -> TooMany:
        return TooMany(self._code, msg, remedy, AGAIN_SECONDS)
