"""A mail about an alert: short sentences that can be read aloud. Pure."""

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from types import MappingProxyType
from typing import Final

from gateway.alerts.facts import BreachFacts, ConditionFacts, ForecastFacts, kind_of
from gateway.alerts.kinds import kind_text
from gateway.alerts.link import incident_link
from gateway.alerts.message import Alert, alert_id

LONGEST_SUBJECT: Final = 150
LONGEST_LINE: Final = 500
WHOLE_LINES: Final = SMTP.clone(max_line_length=400)
"""For headers: the library would fold some in front of their first word, which mail filters then miss."""

DONE: Final = MappingProxyType({"opened": "opened", "updated": "changed", "closed": "closed"})
SENSITIVITY: Final = MappingProxyType(
    {"confidential": "Company-Confidential", "classified": "Company-Confidential"}
)
"""Values of the header `Sensitivity` (RFC 4021, 2.1.55)."""


def mail(alert: Alert, sender: str, recipients: tuple[str, ...], console_url: str) -> EmailMessage:
    """Return the mail; the same alert makes the same Message-ID each time."""
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(f"ADT Gateway {alert.instance}", addr_spec=sender)
    message["To"] = [Address(addr_spec=each) for each in recipients]
    message["Subject"] = subject(alert)
    message["Date"] = format_datetime(datetime.fromisoformat(alert.at))
    message["Message-ID"] = message_id(alert.id, domain)
    if alert.incident and alert.event != "opened":
        opening = message_id(alert_id(alert.instance, alert.incident, "opened"), domain)
        message["In-Reply-To"] = opening
        message["References"] = opening
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note is to answer it
    message["X-Auto-Response-Suppress"] = "All"
    if alert.marking in SENSITIVITY:
        message["Sensitivity"] = SENSITIVITY[alert.marking]
    message.set_content("\n".join(lines(alert, console_url)) + "\n", cte="quoted-printable")
    message.policy = WHOLE_LINES
    return message


def message_id(identity: str, domain: str) -> str:
    """Return the Message-ID of an alert: its identity, whose parts have no dot, joined by dots."""
    return f"<{identity.replace('/', '.')}@{domain}>"


def subject(alert: Alert) -> str:
    """Return one line: the marking first, where there is one, then what became of what."""
    marking = f"[{alert.marking.upper()}] " if alert.marking else ""
    what = f"incident {alert.incident} {DONE[alert.event]}: " if alert.event in DONE else f"{alert.event}: "
    return one_line(f"{marking}ADT Gateway {alert.instance}, {what}{alert.title}", LONGEST_SUBJECT)


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """Return *text* without anything that ends a line, hides or turns it round."""
    kept = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text)
    line = " ".join(kept.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def lines(alert: Alert, console_url: str) -> list[str]:
    """Return the lines of the body."""
    return list(_lines(alert, console_url))


def _lines(alert: Alert, console_url: str) -> Iterator[str]:
    if alert.marking:
        yield f"Marking: {alert.marking}. Pass it on to nobody who may not see it."
        yield ""
    if not alert.incident:
        yield one_line(alert.title) + ("" if alert.title.endswith(".") else ".")
        yield f"There is nothing to do. ADT Gateway {alert.instance} sent this at {spoken(alert.at)}."
        return
    yield f"Candidate incident {alert.incident} was {DONE.get(alert.event, alert.event)}."
    yield ""
    yield f"What happened: {one_line(alert.title)}."
    if alert.opened_at:
        yield f"Since: {spoken(alert.opened_at)}."
    yield from _known(alert)
    yield f"State: {alert.state.replace('_', ' ')}."
    yield from (f"{name}: {one_line(text)}." for name, text in _work(alert) if text)
    yield ""
    if not alert.is_over:
        yield f"What to do: {_action(alert)}"
    if console_url:
        yield f"Look at it: {incident_link(console_url, alert.incident)}"
    yield ""
    yield f"Sent by ADT Gateway {alert.instance} at {spoken(alert.at)}. Alert {alert.id}."
    if alert.record:
        yield f"Audit record {alert.record.number}, hash {alert.record.hash}."


def _work(alert: Alert) -> Iterator[tuple[str, str]]:
    yield "Assigned to", alert.assigned_to
    yield "Ticket", alert.ticket
    yield "Found to be", alert.finding.replace("_", " ")
    yield "Group", str(alert.group or "")
    yield "Reason", alert.reason
    yield "By", alert.by if alert.by != "system" else ""


def _action(alert: Alert) -> str:
    if alert.facts is None:
        return "Sign in to the console: what is known is kept back from mail by the marking."
    return kind_text(kind_of(alert.facts)).do or "Look at it in the console."


def _known(alert: Alert) -> Iterator[str]:
    facts = alert.facts
    if isinstance(facts, BreachFacts | ForecastFacts):
        threshold = facts.threshold
        service = f"{threshold.communication} {threshold.service}, {threshold.service_name}"
        yield one_line(f"Counted: {facts.count} in {threshold.period}; the limit is {facts.limit}.")
        yield one_line(f"Service: {service}.")
        yield one_line(f"User ID: {threshold.user_id}.")
        by = threshold.set_by
        yield one_line(
            f"The limit was set by file {by.file_name}, line {by.line}, submitted by {by.submitted_by}, "
            f"approved by {by.approved_by}."
        )
        if isinstance(facts, ForecastFacts):
            yield f"Quarantine is expected at {spoken(facts.expected_at)}."
    elif isinstance(facts, ConditionFacts):
        yield one_line(f"About: {facts.subject}.")
        yield f"It {'ended at ' + spoken(facts.until) if facts.until else 'still lasts'}."


def spoken(instant: str) -> str:
    """Return an instant as people say it, such as 1 December 2026, 12:00:00 UTC."""
    moment = datetime.fromisoformat(instant)
    return f"{moment.day} {moment:%B %Y, %H:%M:%S} UTC"
