"""Alerts: what the SOC is told, and the channels that tell it."""
