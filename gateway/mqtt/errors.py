"""What goes wrong at a broker, as the gateway's own errors."""

from typing import Final

import aiomqtt

from gateway.errors import Unavailable

EXPECTED: Final = (Unavailable, aiomqtt.MqttError, OSError)
"""Troubles of a broker or of the way to it."""


def unavailable(error: Exception) -> Unavailable:
    """Say why; aiomqtt hides it behind "Disconnected during message iteration"."""
    why = error.__cause__ if isinstance(error, aiomqtt.MqttError) and error.__cause__ else error
    msg = f"the MQTT broker cannot be used: {str(why) or type(why).__name__}"
    return Unavailable("broker_unavailable", msg, "Look at the broker; it is tried again.")


def refused(verb: str, topic: str, code: object) -> Unavailable:
    """Say what the broker does not allow us."""
    msg = f"the MQTT broker refused to let us {verb} {topic}: {code}"
    return Unavailable("broker_refused", msg, "Allow the topic to the gateway's user at the broker.")
