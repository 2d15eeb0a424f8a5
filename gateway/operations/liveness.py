"""Whether the count really moves: what the watchdog asks before each sign of life."""

import asyncio
from typing import Final

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
