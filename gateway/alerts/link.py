"""Where the console shows an incident. Pure."""

from typing import Any

from gateway.alerts.message import Alert
from gateway.alerts.ocsf import detection_finding


def incident_link(console_url: str, incident: int) -> str:
    """Return the address of an incident's page, of all incidents for 0; empty without a console."""
    if not console_url:
        return ""
    page = f"/incidents/{incident}" if incident else "/incidents"
    return console_url.rstrip("/") + page


def linked_finding(alert: Alert, console_url: str) -> dict[str, Any]:
    """Return *alert* in OCSF, with the address of its incident as `finding_info.src_url`."""
    finding = detection_finding(alert)
    link = incident_link(console_url, alert.incident) if alert.incident else ""
    if link:
        finding["finding_info"]["src_url"] = link
    return finding
