"""Which of the alerts that are due go out together: the order holds for each incident. Pure."""

from collections.abc import Sequence

from gateway.store.outbox import WaitingAlert

Lane = list[WaitingAlert]
"""Alerts that are sent together, in their order."""


def lanes(alerts: Sequence[WaitingAlert], batch: int, width: int) -> list[Lane]:
    """Return up to *width* lanes of up to *batch* of *alerts* (the oldest first), to be sent at once.

    All alerts of one incident that go out are in one lane, without a gap. One that has failed goes alone, so that
    it is not the trouble of the others in a batch.
    """
    found: list[Lane] = []
    place: dict[int, Lane] = {}
    """The lane of each incident."""
    full: set[int] = set()
    """Incidents of which the rest has to wait for the next round."""
    shared: Lane | None = None
    for alert in alerts:
        lane = place.get(alert.incident_id)
        if alert.incident_id in full:
            continue
        if lane is None:
            alone = alert.attempts > 0
            lane = None if alone else shared
            if lane is None or len(lane) >= batch:
                if len(found) >= width:
                    full.add(alert.incident_id)
                    continue
                lane = []
                found.append(lane)
                shared = shared if alone else lane
            place[alert.incident_id] = lane
            if alone:
                full.add(alert.incident_id)
        elif len(lane) >= batch or alert.attempts > 0:
            full.add(alert.incident_id)
            continue
        lane.append(alert)
    return found
