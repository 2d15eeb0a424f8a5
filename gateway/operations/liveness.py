"""Whether the count really moves: what the watchdog asks before each sign of life."""

import asyncio
from typing import Final

from gateway.errors import Unavailable
from gateway.ingest.counting import Counting
from gateway.ingest.intake import Intake
from gateway.operations.in_force import InForce

LOOK_SECONDS: Final = 0.05
"""How often it is looked whether something moved."""


class Liveness:
    """Asks the intake through its own queue, and watches the time being looked at."""

    def __init__(self, intake: Intake, in_force: InForce, counting: Counting) -> None:
        self._intake = intake
        self._in_force = in_force
        self._counting = counting
        self._failed = intake.failed

    async def moved(self) -> None:
        """Return once the intake has worked through its queue and the time was looked at anew.

        A store that is away is no reason to be restarted, as nothing would be better afterwards: while
        breaches wait to be recorded, each new attempt is a move.
        """
        turns, attempts = self._in_force.turns, self._counting.attempts
        answer = self._intake.ask()
        try:
            while (  # noqa: ASYNC110 - two numbers and an answer are looked at; none of them rings
                self._counting.attempts == attempts and not (answer.done() and self._in_force.turns > turns)
            ):
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            if not answer.cancel():
                answer.exception()  # a journal that refuses is an answer too; asking keeps it out of the log

    async def counted(self) -> None:
        """Return once the queue has been worked through, what it brought about is recorded and time has passed.

        Unlike `moved` this waits where breaches cannot be recorded. Raises `Unavailable` where the journal has
        refused a group since this was last called.
        """
        passed = self._in_force.passed
        await self._intake.ask()
        while self._in_force.passed == passed:  # noqa: ASYNC110 - a number is looked at; it does not ring
            await asyncio.sleep(LOOK_SECONDS)
        failed, self._failed = self._failed, self._intake.failed
        if failed != self._failed:
            raise Unavailable(
                "journal_failed", "the journal refused requests", "Look at the disk and the store."
            )
