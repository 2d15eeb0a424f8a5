"""Which of the alerts that are due go out together: the order holds for each incident. Pure."""

from collections.abc import Sequence

from gateway.store.outbox import WaitingAlert

Lane = list[WaitingAlert]
"""Alerts that are sent one after another, in their order; several lanes are under way at once."""


def lanes(alerts: Sequence[WaitingAlert], size: int, width: int) -> list[Lane]:
    """Return up to *width* lanes of up to *size* of *alerts* (the oldest first).

    All alerts of one incident that go out are in one lane, without a gap. One that has failed has a lane to itself,
    so that it is not the trouble of others.
    """
    found: list[Lane] = []
    place: dict[int, Lane | None] = {}
    """The lane of each incident; None where what is left of it has to wait for the next round."""
    for alert in alerts:
        incident = alert.incident_id
        lane = place[incident] if incident in place else _lane(found, alert, size, width)
        if lane is not None and (
            not lane or (len(lane) < size and not _alone(alert) and not _alone(lane[0]))
        ):
            lane.append(alert)
            place[incident] = lane
        else:
            place[incident] = None
    return found


def _alone(alert: WaitingAlert) -> bool:
    return alert.attempts > 0


def _lane(found: list[Lane], alert: WaitingAlert, size: int, width: int) -> Lane | None:
    """Return a new lane in *found*, or else the shortest with room; None where there is none."""
    if len(found) < width:
        found.append([])
        return found[-1]
    open_ones = [lane for lane in found if len(lane) < size and not _alone(lane[0])]
    return None if _alone(alert) else min(open_ones, key=len, default=None)
