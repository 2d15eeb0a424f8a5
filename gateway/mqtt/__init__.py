"""MQTT 5 behind one small port: the only package that knows aiomqtt.

aiomqtt acknowledges a message on receipt, keeps an unbounded queue and drops what the broker answers to a
publish. Here a message is acknowledged when its handler has returned, which is after the commit; the broker
holds the rest back (receive maximum, and a socket that is not read above a number of bytes), and sends again
what was not acknowledged when the connection comes back. What the broker refuses is an error.

Everybody else knows `Broker` alone.
"""

from gateway.mqtt.broker import MAXIMUM_PACKET_BYTES, Broker, Handler
from gateway.mqtt.inflow import IN_FLIGHT_BYTES

__all__ = ["IN_FLIGHT_BYTES", "MAXIMUM_PACKET_BYTES", "Broker", "Handler"]
