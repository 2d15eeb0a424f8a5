"""Alerts as signed webhooks: CloudEvents 1.0 around an OCSF Detection Finding, after Standard Webhooks."""

import base64
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks.webhooks import Webhook

from gateway.alerts.channels.http_client import AGAIN, Answer, HttpClient
from gateway.alerts.channels.tls import read_secret
from gateway.alerts.link import linked_finding
from gateway.alerts.message import Alert, decode
from gateway.channel_settings import WebhookSettings, plain_address
from gateway.clock import Clock
from gateway.errors import AlertRefused, Unavailable

TYPES: Final = {
    "opened": "adt-gateway.incident.opened",
    "updated": "adt-gateway.incident.updated",
    "closed": "adt-gateway.incident.closed",
    "test": "adt-gateway.test",
    "heartbeat": "adt-gateway.heartbeat",
}
"""What happened, by the event of the alert. These names never change."""

SCHEMAS: Final = "https://schema.ocsf.io/1.8.0/classes"
PREFIX: Final = "whsec_"
SHORTEST: Final = 24
LONGEST: Final = 64
"""Bytes of a secret, as Standard Webhooks has it."""
MOST_SECRETS: Final = 2
"""The one in use, and the one that takes or took its place."""

ABOUT_THE_ALERT: Final = frozenset({400, 406, 411, 413, 414, 415, 422, 431})
"""Answers about this very request (RFC 9110, 15.5; RFC 6585, 5): the same would be refused again.

The others of the 400s are about the way there: a proxy, a login page or a receiver being set up gives them to whatever
comes, and the alerts of such an hour must not become dead letters.
"""
ELSEWHERE: Final = "See whether url is right, and what a proxy on the way says."
TAKES_NONE: Final = MappingProxyType(
    {
        401: "Give the receiver the secret in secret_file, and see that both clocks are right.",
        403: "Give the receiver the secret in secret_file, see that both clocks are right, and that no proxy is in the way.",
        407: "The proxy wants a user: let it pass this address without one.",
    }
)
"""What to do by status where no alert would be taken; they wait until somebody has done it."""


class WebhookChannel:
    """Posts each alert and counts it as taken at an answer of the 200s."""

    batch: Final = 1
    in_flight: Final = 4

    def __init__(self, settings: WebhookSettings, console_url: str = "", clock: Clock = time.time) -> None:
        self.name = settings.name
        self._settings = settings
        self._console = console_url
        self._clock = clock
        self._client = HttpClient(settings)

    async def send(self, messages: Sequence[bytes]) -> str:
        """Post; raises `AlertRefused` where the receiver says that it will never take this very alert."""
        said = ""
        for message in messages:
            alert = decode(message)
            event = http_message(cloud_event(alert, self._console), self._settings.mode)
            secrets = parsed_secrets(await read_secret(self._settings.secret_file))
            signed = signature_headers(secrets, alert.id, int(self._clock()), event.body)
            answer = await self._client.post(await self._address(), event.body, event.headers | signed)
            said = judged(answer)
        return said

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _address(self) -> str:
        file = self._settings.url_file
        if file is None:
            return self._settings.url
        try:
            url = plain_address(await read_secret(file), with_key=True)
            self._settings.check_protected(url)
        except ValueError as error:
            msg = f"{file} does not hold an address: {error}"
            raise Unavailable("channel_files", msg, "Put the address alone into the file.") from None
        return url


def cloud_event(alert: Alert, console_url: str = "") -> CloudEvent:
    """Return the envelope; `id` is the alert's, the same at each repetition."""
    data = linked_finding(alert, console_url)
    attributes = {
        "specversion": "1.0",
        "id": alert.id,
        "source": f"/adt-gateway/{alert.instance}",
        "type": TYPES[alert.event],
        "time": datetime.fromisoformat(alert.at),
        "datacontenttype": "application/json",
        "dataschema": f"{SCHEMAS}/{data['class_name'].lower().replace(' ', '_')}",
    }
    if alert.incident:
        attributes["subject"] = f"incident/{alert.incident}"
    if alert.marking:
        attributes["marking"] = alert.marking
    return CloudEvent(attributes, data)


def http_message(event: CloudEvent, mode: str) -> HTTPMessage:
    """Return headers and the very bytes that are signed and sent."""
    return to_binary_event(event) if mode == "binary" else to_structured_event(event)


def parsed_secrets(text: str) -> list[Webhook]:
    """Return one signer for each line of a secret file; raise `Unavailable` where it holds something else."""
    lines = text.split()
    with contextlib.suppress(ValueError):  # binascii.Error is one
        if 1 <= len(lines) <= MOST_SECRETS:
            return [_signer(line) for line in lines]
    form = f"{PREFIX} and {SHORTEST} to {LONGEST} bytes in base64"
    msg = f"secret_file does not hold one or two secrets, each on a line of its own: {form}"
    remedy = f"Make one: printf '{PREFIX}%s\\n' \"$(openssl rand -base64 32)\""
    raise Unavailable("channel_files", msg, remedy)


def _signer(line: str) -> Webhook:
    if not line.startswith(PREFIX):
        raise ValueError
    key = base64.b64decode(line.removeprefix(PREFIX), validate=True)
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError
    return Webhook(key)


def signature_headers(secrets: list[Webhook], identity: str, now: int, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks; each secret signs, so that a receiver may know either."""
    at, text = datetime.fromtimestamp(now, UTC), body.decode()
    signatures = [secret.sign(identity, at, text) for secret in secrets]
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(signatures),
    }


def judged(answer: Answer) -> str:
    """Return what the receiver said; raise `AlertRefused` where that is no to this alert, else `Unavailable`."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - taken
        return f"taken: {answer.named}"
    if answer.status == HTTPStatus.GONE:
        msg = f"the receiver says that this address is gone for good, {answer.named}"
        raise AlertRefused("receiver_gone", msg, "Set a new url, or take this channel out of the settings.")
    if answer.status in ABOUT_THE_ALERT:
        msg = f"the receiver refuses this alert, {answer.named}"
        raise AlertRefused(
            "receiver_refused", msg, "See in its own log why it refuses it; then send it again by hand."
        )
    msg = f"what answers takes no alert now, {answer.named}"
    raise Unavailable("receiver_refused", msg, f"{TAKES_NONE.get(answer.status, ELSEWHERE)} {AGAIN}")
