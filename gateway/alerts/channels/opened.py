"""The channels that the settings name."""

from gateway.alerts.channels.channel import Channel
from gateway.alerts.channels.file import FileChannel
from gateway.alerts.channels.mqtt import MqttChannel
from gateway.alerts.channels.syslog import SyslogChannel
from gateway.channel_settings import Alerts
from gateway.mqtt import Broker


def open_channels(settings: Alerts, broker: Broker | None) -> list[Channel]:
    """Return the channels that are set."""
    channels: list[Channel] = []
    if settings.file:
        channels.append(FileChannel(settings.file))
    if broker and settings.mqtt:
        channels.append(MqttChannel(broker))
    channels += map(SyslogChannel, settings.syslog)
    return channels
