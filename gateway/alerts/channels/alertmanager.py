"""Alerts for Prometheus Alertmanager (API v2): sent again while they fire, ended when they are closed.

An alert there *is* its set of labels. So labels name what an incident keeps for life, as far as that is known, and
where they have to change (its marking holds back what is known), the alert under the earlier labels is ended.
"""

import asyncio
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog

from gateway.alerts.channels.http_client import HttpClient
from gateway.alerts.channels.tls import read_secret
from gateway.alerts.facts import BreachFacts, ConditionFacts, ForecastFacts, kind_of
from gateway.alerts.kinds import kind_text
from gateway.alerts.link import incident_link
from gateway.alerts.message import Alert, decode
from gateway.channel_settings import AlertmanagerSettings
from gateway.clock import Clock, to_text
from gateway.errors import AlertRefused, Unavailable

log = structlog.get_logger(__name__)

Firing = Callable[[], AsyncIterator[list[Alert]]]
"""Gives what is open now in parts, each as the channel may tell it when it is asked for."""

PATH: Final = "/api/v2/alerts"
PATIENCE: Final = 4
"""An alert that was not sent again for so many times `resend_seconds` counts as resolved there."""
TEST_SECONDS: Final = 300
REMEMBERED: Final = 10_000
"""Incidents whose labels are remembered at the most."""

SEVERITIES: Final = {"quarantine": "critical", "warning": "warning"}

Labels = dict[str, str]


class AlertmanagerChannel:
    """Posts alerts as they come, and everything that is open again and again."""

    batch: Final = 50

    def __init__(
        self,
        settings: AlertmanagerSettings,
        console_url: str,
        firing: Firing,
        clock: Clock = time.time,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._url = settings.url.rstrip("/").removesuffix(PATH) + PATH
        self._console = console_url
        self._firing = firing
        self._clock = clock
        self._client = HttpClient(settings)
        self._told: dict[int, Labels] = {}
        self._sending = asyncio.Lock()

    async def send(self, messages: Sequence[bytes]) -> str:
        """Post; raises `AlertRefused` where Alertmanager finds fault with them."""
        async with self._sending:
            return await self._post([decode(message) for message in messages])

    async def run(self) -> None:
        """Send what is open again, for ever."""
        while True:
            await asyncio.sleep(self._settings.resend_seconds)
            await self.resend()

    async def resend(self) -> None:
        """Send what is open again; where that fails, the log says so and the next time comes."""
        async with self._sending:  # one that is closed meanwhile must not be sent as open after its end
            try:
                async for alerts in self._firing():
                    await self._post(alerts)
            except (Unavailable, AlertRefused) as error:
                log.warning("alerts_not_sent_again", channel=self.name, code=error.code, error=error.message)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _post(self, alerts: list[Alert]) -> str:
        told, posted = dict(self._told), []
        for alert in alerts:
            posted += [*self._earlier(alert, told), self.posted(alert)]
        headers = {"Content-Type": "application/json", **await self._authorization()}
        answer = await self._client.post(self._url, msgspec.json.encode(posted), headers)
        if answer.status != 200:  # noqa: PLR2004 - the API's one way to say yes
            _refuse(answer.status, answer.named)
        self._told = dict(list(told.items())[-REMEMBERED:])
        return f"Alertmanager took {len(alerts)}: {answer.named}"

    def _earlier(self, alert: Alert, told: dict[int, Labels]) -> list[dict[str, Any]]:
        """Return the end of the alert under the labels that this incident had before, where they change."""
        if not alert.incident:
            return []
        labels, before = labels_of(alert), told.pop(alert.incident, None)
        if not alert.is_over:
            told[alert.incident] = labels
        if before is None or before == labels:
            return []
        return [
            {
                "labels": before,
                "startsAt": alert.opened_at or alert.at,
                "endsAt": max(alert.at, alert.opened_at),
            }
        ]

    def posted(self, alert: Alert) -> dict[str, Any]:
        """Return a `postableAlert` of the API."""
        link = incident_link(self._console, alert.incident)
        return {
            "labels": labels_of(alert),
            "annotations": annotations(alert),
            "startsAt": alert.opened_at or alert.at,
            "endsAt": self._ends_at(alert),
        } | ({"generatorURL": link} if link else {})

    def _ends_at(self, alert: Alert) -> str:
        if alert.is_over:
            # An end before the start is refused; a clock that was set back must not keep an alert firing.
            return max(alert.at, alert.opened_at)
        if alert.event == "test":
            return to_text(datetime.fromisoformat(alert.at).timestamp() + TEST_SECONDS)
        period = self._settings.resend_seconds
        if alert.event == "heartbeat":
            period = max(period, self._settings.heartbeat_seconds)
        return max(to_text(self._clock() + PATIENCE * period), alert.opened_at)

    async def _authorization(self) -> dict[str, str]:
        if self._settings.password_file is None:
            return {}
        password = await read_secret(self._settings.password_file)
        pair = f"{self._settings.username}:{password}".encode()
        return {"Authorization": f"Basic {b64encode(pair).decode()}"}


def labels_of(alert: Alert) -> Labels:
    """Return what names an alert there: few, short, and the same for an incident's life."""
    if alert.event == "heartbeat":
        return {"alertname": "AdtGatewayWatchdog", "gateway": alert.instance, "severity": "none"}
    if alert.event == "test":
        return {"alertname": "AdtGatewayTest", "gateway": alert.instance, "severity": "none"}
    facts = alert.facts
    # What is held back may be the worst: it pages like a quarantine.
    severity = SEVERITIES.get(facts.level, "warning") if facts else "critical"
    kind = {"kind": kind_of(facts)} if facts else {}
    return {
        "alertname": "AdtGatewayIncident",
        "gateway": alert.instance,
        "incident": str(alert.incident),
        "severity": severity,
        **kind,
    }


def annotations(alert: Alert) -> dict[str, str]:
    """Return what people read; it may change while the alert fires."""
    facts = alert.facts
    found = {
        "summary": alert.title,
        "state": alert.state if alert.incident else "",
        "user_id": alert.user_id,
        "marking": alert.marking,
        "assigned_to": alert.assigned_to,
        "ticket": alert.ticket,
        "finding": alert.finding,
        "group": str(alert.group or ""),
        "reason": alert.reason,
        "alert_id": alert.id,
        "audit_record": f"{alert.record.number} {alert.record.hash}" if alert.record else "",
    }
    if facts:
        text = kind_text(kind_of(facts))
        found |= {"description": text.meaning, "action": text.do}
    if isinstance(facts, BreachFacts | ForecastFacts):
        threshold = facts.threshold
        found |= {
            "count": str(facts.count),
            "limit": str(facts.limit),
            "service": f"{threshold.communication} {threshold.service}",
            "period": threshold.period,
        }
    elif isinstance(facts, ConditionFacts):
        found |= {"subject": facts.subject, "since": facts.since}
    return {name: text for name, text in found.items() if text}


def _refuse(status: int, named: str) -> None:
    if status == 400:  # noqa: PLR2004 - about these alerts
        msg = f"Alertmanager finds fault with the alert, {named}"
        raise AlertRefused("alertmanager_refused", msg, "Look at its own log; then send it again by hand.")
    remedy = (
        "Set url to https://HOST:9093 with its route prefix, if it has one, and the user that it asks for."
    )
    msg = f"what answers does not take alerts, {named}"
    raise Unavailable("alertmanager_elsewhere", msg, remedy)
