"""Alerts as events for Splunk's HTTP Event Collector (HEC): many in one request, accepted or acknowledged."""

import asyncio
import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NoReturn

import msgspec

from gateway.alerts.channels.http_client import Answer, HttpClient, quoted
from gateway.alerts.channels.tls import read_secret
from gateway.alerts.facts import kind_of
from gateway.alerts.link import linked_finding
from gateway.alerts.message import Alert, decode
from gateway.channel_settings import SplunkSettings
from gateway.errors import AlertRefused, Unavailable

EVENTS: Final = "/services/collector/event"
ACKNOWLEDGEMENTS: Final = "/services/collector/ack"
LOOK_SECONDS: Final = 0.5
"""How often it is asked for an acknowledgement while one attempt lasts."""
LOST_SECONDS: Final = 300.0
"""After this an acknowledgement that has not come is given up, and the events are sent again."""

TAKES_NONE: Final = MappingProxyType(
    {
        1: "The token is disabled: enable it in Splunk (Settings, Data inputs, HTTP Event Collector).",
        2: "Splunk saw no token: put it into token_file, and let no proxy take the header Authorization away.",
        3: "Splunk does not understand the header Authorization: put the token alone into token_file.",
        4: "Splunk does not know the token: put the right one into token_file.",
        7: "The token may not write to that index: correct index, or allow it in the token's settings.",
        10: "The token has acknowledgement turned on: set acknowledge = true, or turn it off in Splunk.",
        11: "Splunk does not take the channel's identity: restart the gateway, and tell who maintains it.",
        14: "The token has acknowledgement turned off: turn it on in Splunk, or set acknowledge = false.",
    }
)
"""What to do by HEC code where no event would be taken; the alerts wait until somebody has done it."""

TAKES_THESE_NOT: Final = MappingProxyType(
    {
        5: "Splunk says that there was no data: see whether a proxy cuts bodies.",
        6: "Splunk says that it is not the format of HEC: see whether url is an HTTP Event Collector.",
        12: "Splunk misses the event: see whether a proxy changes bodies.",
        13: "Splunk says that the event is empty: see whether a proxy changes bodies.",
        15: "Splunk does not take an indexed field: look at its splunkd.log.",
    }
)
"""What to do by HEC code where these very events are refused."""

AGAIN: Final = "It is sent again by itself."


class SplunkChannel:
    """Posts alerts to the collector; code 0 means that they were accepted, not that they can be searched."""

    batch: Final = 50
    in_flight: Final = 2

    def __init__(self, settings: SplunkSettings, instance: str, console_url: str = "") -> None:
        self.name = settings.name
        self._settings = settings
        self._instance = instance
        self._console = console_url
        self._url = settings.url.rstrip("/").removesuffix(EVENTS)
        self._client = HttpClient(settings)
        self._channel = str(uuid.uuid4())
        self._unacknowledged: dict[bytes, tuple[int, float]] = {}

    async def send(self, messages: Sequence[bytes]) -> str:
        """Post what was not posted yet; where acknowledgement is wanted, wait for it."""
        give_up = asyncio.get_running_loop().time() + self._settings.timeout_seconds
        headers = {
            "Authorization": f"Splunk {await self._token()}",
            "Content-Type": "application/json",
            "X-Splunk-Request-Channel": self._channel,
        }
        if not self._settings.acknowledge:
            await self._post([decode(message) for message in messages], headers)
            return f"Splunk accepted {len(messages)} (code 0); that is not yet indexed"
        names = [hashlib.sha256(message).digest() for message in messages]
        self._forget_lost()
        new = {
            name: message
            for name, message in zip(names, messages, strict=True)
            if name not in self._unacknowledged
        }
        if new:
            number = await self._post([decode(message) for message in new.values()], headers)
            now = asyncio.get_running_loop().time()
            self._unacknowledged |= dict.fromkeys(new, (number, now))
        return await self._acknowledged(names, headers, give_up)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _token(self) -> str:
        token = await read_secret(self._settings.token_file)
        if not token.isascii() or not token.isprintable() or " " in token:
            msg = f"{self._settings.token_file} does not hold a token alone"
            raise Unavailable("channel_files", msg, TAKES_NONE[3])
        return token

    async def _post(self, alerts: list[Alert], headers: dict[str, str]) -> int:
        """Send events; return the number under which their acknowledgement can be asked for, -1 for none."""
        events = b"\n".join(msgspec.json.encode(self._event(alert)) for alert in alerts)
        answer = await self._client.post(self._url + EVENTS, events, headers)
        said = _parsed(answer)
        if answer.status != 200 or said.get("code") != 0:  # noqa: PLR2004 - HEC's one way to say yes
            refuse(answer, said)
        number = said.get("ackId")
        if self._settings.acknowledge and not isinstance(number, int):
            msg = "Splunk accepted the events and gave no number to ask for their acknowledgement"
            raise Unavailable("splunk_refused", msg, TAKES_NONE[14])
        return number if isinstance(number, int) else -1

    def _event(self, alert: Alert) -> dict[str, Any]:
        settings = self._settings
        event = {
            "time": datetime.fromisoformat(alert.at).timestamp(),
            "host": settings.host or self._instance,
            "source": settings.source,
            "sourcetype": settings.sourcetype,
            "event": linked_finding(alert, self._console),
            "fields": indexed_fields(alert),
        }
        return event | ({"index": settings.index} if settings.index else {})

    async def _acknowledged(self, names: list[bytes], headers: dict[str, str], give_up: float) -> str:
        """Ask until every event of *names* is acknowledged; raise `Unavailable` at *give_up*."""
        loop = asyncio.get_running_loop()
        while waiting := {self._unacknowledged[name][0] for name in names if name in self._unacknowledged}:
            body = msgspec.json.encode({"acks": sorted(waiting)})
            url = f"{self._url}{ACKNOWLEDGEMENTS}?channel={self._channel}"
            answer = await self._client.post(url, body, headers)
            found = _parsed(answer).get("acks")
            if answer.status != 200 or not isinstance(found, dict):  # noqa: PLR2004
                refuse(answer, _parsed(answer))
            done = {number for number in waiting if found.get(str(number)) is True}
            self._unacknowledged = {
                name: entry for name, entry in self._unacknowledged.items() if entry[0] not in done
            }
            if done != waiting:
                if loop.time() + LOOK_SECONDS > give_up:
                    msg = "Splunk accepted the events, and the indexer has not acknowledged them yet"
                    raise Unavailable("splunk_unacknowledged", msg, "It is asked again by itself.")
                await asyncio.sleep(LOOK_SECONDS)
        return f"the indexer acknowledged {len(names)}"

    def _forget_lost(self) -> None:
        oldest = asyncio.get_running_loop().time() - LOST_SECONDS
        self._unacknowledged = {
            name: entry for name, entry in self._unacknowledged.items() if entry[1] >= oldest
        }


def indexed_fields(alert: Alert) -> dict[str, str]:
    """Return what Splunk indexes beside the event: flat texts by which is searched without parsing."""
    facts = alert.facts
    fields = {
        "alert_id": alert.id,
        "gateway": alert.instance,
        "alert_event": alert.event,
        "incident": str(alert.incident) if alert.incident else "",
        "incident_state": alert.state if alert.incident else "",
        "kind": kind_of(facts) if facts else "",
        "level": facts.level if facts else "",
        "dcc_user": alert.user_id,
        "marking": alert.marking,
    }
    return {name: text for name, text in fields.items() if text}


def _parsed(answer: Answer) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def refuse(answer: Answer, said: dict[str, Any]) -> NoReturn:
    """Raise what an answer other than yes means: wait for somebody, or never."""
    code = said.get("code")
    if not isinstance(code, int):
        msg = f"what answers is no HTTP Event Collector, {answer.named}"
        raise Unavailable("splunk_elsewhere", msg, "Set url to https://HOST:8088, without a path.")
    msg = f"Splunk refuses, HEC code {code} ({answer.status}): {quoted(str(said.get('text', '')))}"
    if code in TAKES_THESE_NOT:
        raise AlertRefused("splunk_refused", msg, TAKES_THESE_NOT[code])
    raise Unavailable("splunk_refused", msg, TAKES_NONE.get(code, f"Look at Splunk's splunkd.log. {AGAIN}"))
