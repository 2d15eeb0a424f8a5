"""The channels that the settings name."""

from functools import partial

from gateway.alerts.channels.alertmanager import AlertmanagerChannel
from gateway.alerts.channels.channel import Channel
from gateway.alerts.channels.file import FileChannel
from gateway.alerts.channels.mqtt import MqttChannel
from gateway.alerts.channels.splunk import SplunkChannel
from gateway.alerts.channels.syslog import SyslogChannel
from gateway.alerts.firing import firing
from gateway.channel_settings import Alerts
from gateway.clock import Clock
from gateway.mqtt import Broker
from gateway.store.database import Database


def open_channels(
    settings: Alerts, broker: Broker | None, instance: str, database: Database, clock: Clock
) -> list[Channel]:
    """Return the channels that are set; the libraries of others are not loaded."""
    channels: list[Channel] = []
    if settings.file:
        channels.append(FileChannel(settings.file))
    if broker and settings.mqtt:
        channels.append(MqttChannel(broker, settings.mqtt_expiry_seconds))
    channels += [SyslogChannel(each) for each in settings.syslog]
    if settings.webhook:
        from gateway.alerts.channels.webhook import WebhookChannel

        channels += [WebhookChannel(each, settings.console_url) for each in settings.webhook]
    channels += [SplunkChannel(each, instance, settings.console_url) for each in settings.splunk]
    for each in settings.alertmanager:
        told = partial(firing, database, instance, each.name, clock, cleared=each.classified)
        channels.append(AlertmanagerChannel(each, settings.console_url, told))
    if settings.mail:
        from gateway.alerts.channels.mail import MailChannel

        channels += [MailChannel(each, settings.console_url) for each in settings.mail]
    return channels
