"""The MQTT broker, and the daemon that runs."""

import json
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
import aiomqtt

from gateway.doctor.finding import Check, Finding, State, failed, ok, warning
from gateway.errors import Unavailable
from gateway.mqtt.connection import Connection
from gateway.mqtt.identity import password, tls_context
from gateway.section import ADDRESS_FILE
from gateway.settings import Mqtt, Settings

BROKER = "broker"
DAEMON = "daemon"

SECONDS: Final = 3.0
"""How long an answer may take."""


async def _broker(settings: Settings, now: float) -> AsyncIterator[Finding]:
    del now
    if settings.mqtt is None:
        yield ok(BROKER, "none is set: nothing is received or sent over MQTT")
        return
    where = f"{settings.mqtt.host}:{settings.mqtt.port}"
    try:
        client = _client(settings.mqtt)
        connection = Connection(client)
        async with connection.opened():
            await connection.subscribe(_unshared(settings.mqtt.requests_topic))
            await connection.publish(f"adt-gateway/{settings.instance}/doctor", b"", seconds=SECONDS)
            yield ok(BROKER, f"{where} lets us read the requests and write below adt-gateway")
    except Unavailable as error:
        yield failed(BROKER, f"{where}: {error.message}", error.remedy)
    except (aiomqtt.MqttError, OSError) as error:
        remedy = "Start the broker, or correct the section [mqtt]; the daemon is not ready without it."
        yield failed(BROKER, f"{where} cannot be used: {str(error) or type(error).__name__}", remedy)


def _unshared(topic: str) -> str:
    """Return *topic* without its share name: a subscriber of a share would take requests from the daemon."""
    return topic.split("/", 2)[-1] if topic.startswith("$share/") else topic


def _client(settings: Mqtt) -> aiomqtt.Client:
    """Return a connection under a name of its own: the daemon's own must not be ended by it."""
    return aiomqtt.Client(
        settings.host,
        settings.port,
        username=settings.username,
        password=password(settings),
        protocol=aiomqtt.ProtocolVersion.V5,
        tls_context=tls_context(settings),
        timeout=SECONDS,
    )


async def _daemon(settings: Settings, now: float) -> AsyncIterator[Finding]:
    del now
    try:
        address = (settings.data_directory / ADDRESS_FILE).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        yield warning(DAEMON, "it does not run", "Start it: adt-gateway serve")
        return
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
            session.get(f"{address}/readyz") as answer,
        ):
            body = await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        what = f"it left the address {address} but does not answer: {str(error) or type(error).__name__}"
        yield failed(DAEMON, what, "It has died or hangs: look at its log and start it again.")
        return
    yield judge_readiness(address, body)


def judge_readiness(address: str, body: bytes) -> Finding:
    """Tell what the *body* of `/readyz` says."""
    try:
        said = json.loads(body)
        ready = bool(said["ready"])
        parts = [f"{part['part']} ({part['detail']})" for part in said["parts"] if not part["works"]]
    except (ValueError, KeyError, TypeError):
        return failed(DAEMON, f"what answers at {address} is not the daemon", "Look at what listens there.")
    if not parts:
        return ok(DAEMON, f"it is ready at {address}")
    state = State.WARNING if ready else State.FAILED
    what = f"it runs at {address}, and these parts do not work: {', '.join(parts)}"
    return Finding(DAEMON, state, what, "Mend each part; the daemon tries again by itself.")


CHECKS = (Check((BROKER,), _broker), Check((DAEMON,), _daemon))
