"""Communications that find no room in the queue."""

from typing import Final

from gateway.alerts.condition import News
from gateway.alerts.conditions import Conditions
from gateway.alerts.facts import QueueFull
from gateway.clock import Clock
from gateway.ingest.intake import Intake, Refused

SUBJECT: Final = "queue"

QUIET_SECONDS: Final = 60.0
"""It is over when nothing has been refused for this long."""


class RefusalWatch:
    """Looks whether the intake refuses what does not fit into its queue."""

    def __init__(self, conditions: Conditions, intake: Intake, clock: Clock) -> None:
        self._conditions = conditions
        self._intake = intake
        self._clock = clock
        self._seen = Refused()
        self._refused_at = clock()

    def look(self) -> None:
        """Say that the queue is full from the first refusal on, and that it is over once there was none for long."""
        now, refused = self._clock(), self._intake.refused
        deliveries = refused.deliveries - self._seen.deliveries
        communications = refused.communications - self._seen.communications
        if deliveries:
            self._seen, self._refused_at = refused, now
            detail = "communications were refused because too many wait already: the senders have to repeat"
            more = {"deliveries": deliveries, "communications": communications}
            self._conditions.holds(News(QueueFull, SUBJECT, detail, now, more=more))
        elif now - self._refused_at >= QUIET_SECONDS:
            detail = f"no communication has been refused for {QUIET_SECONDS:.0f} s"
            self._conditions.over(QueueFull, SUBJECT, detail)
