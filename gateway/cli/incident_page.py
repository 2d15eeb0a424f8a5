"""A candidate incident as a page for a person. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.alerts.kinds import kind_text
from gateway.cli.incident_life import work
from gateway.cli.output import plural
from gateway.cli.words import utc

SHOWN: Final = 10
"""Requests in excess that the page shows."""

NARROW: Final = 14
"""Columns of the names on the left."""


def page(incident: Mapping[str, Any]) -> str:
    """Return the page of an incident as the API gives it."""
    lines = [f"Candidate incident {incident['id']}: {incident['title']}", ""]
    for name, text in _entries(incident):
        lines.append(f"{name:<{NARROW}}  {text}".rstrip())
    return "\n".join(lines)


def _entries(incident: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    entries = {"threshold": _breach, "forecast": _forecast}.get(incident["kind"], _condition)
    if incident["marking"]:
        yield "marking", incident["marking"].upper()
    yield "state", _state(incident)
    yield "kind", incident["kind"]
    if incident["planned_work"]:
        yield "silenced", incident["planned_work"]
    yield from entries(incident)
    yield "audit record", str(incident["record"])
    yield from work(incident)
    yield "what to do", _next(incident)


def _breach(incident: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    facts = incident["detail"]
    yield "opened", utc(facts["opened_at"])
    yield "count", f"{facts['count']} against the {facts['level']} level of {facts['limit']}"
    yield "window", f"{facts['threshold']['period']} {facts['threshold']['alignment']}, {_window(facts)}"
    yield from _threshold(facts["threshold"])
    yield "first request", facts["first_request_id"] or "none: a change of thresholds passed the level"
    yield from _excess(incident)
    if facts["supersedes"]:
        yield "replaces", f"candidate incident {facts['supersedes']}, the warning of the same threshold"


def _forecast(incident: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    facts = incident["detail"]
    yield "raised", utc(facts["raised_at"])
    yield "expected", utc(facts["expected_at"])
    yield "", f"nine of ten come from {utc(facts['earliest_at'])} to {utc(facts['latest_at'])}"
    yield "count", f"{facts['count']} when it was raised; the quarantine level is {facts['limit']}"
    yield from _threshold(facts["threshold"])
    if facts["outcome"]:
        reached = f": candidate incident {facts['reached']}" if facts["reached"] else ""
        yield "outcome", f"{facts['outcome']}{reached}, {utc(facts['ended_at'])}"


def _condition(incident: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    facts = incident["detail"]
    yield "subject", facts["subject"]
    yield "since", utc(facts["since"])
    yield "until", utc(facts["until"]) if facts["until"] else "it lasts"
    yield "happened", plural(facts["occurrences"], "time")
    yield "detail", facts["detail"]
    for name, figure in facts["figures"].items():
        yield "", f"{name.replace('_', ' ')}: {figure}"


def _state(incident: Mapping[str, Any]) -> str:
    if not incident["closed_at"]:
        return str(incident["state"]).replace("_", " ")
    return f"{incident['state']} on {utc(incident['closed_at'])} by {incident['closed_by']}: {incident['reason']}"


def _window(facts: Mapping[str, Any]) -> str:
    return f"{utc(facts['window_from'])} to {utc(facts['window_to'])}"


def _threshold(threshold: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = ", an exception" if threshold["is_exception"] else ""
    counted = f"{threshold['communication']} {threshold['service']} ({threshold['service_name']})"
    levels = f"warning {threshold['warning']}, quarantine {threshold['quarantine']}"
    yield "threshold", f"{counted} of {threshold['user_id']}: {levels}{kind}"
    file = threshold["set_by"]
    yield "set by", f"{file['file_name']}, line {file['line']} (ADT file {file['file_id']})"
    yield "", f"SHA-256 {file['file_sha256']}"
    yield "", f"submitted by {file['submitted_by']}, approved by {file['approved_by']}"
    yield "", f"in force since {utc(file['in_force_at'])}, audit record {file['in_force_record']}"


def _excess(incident: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    count, first = incident["excess_count"], incident["excess"][:SHOWN]
    shown = f", the first {len(first)}:" if count > len(first) else ":"
    yield "in excess", plural(count, "request") + (shown if first else "")
    for request in first:
        yield "", f"{utc(request['observed_at'])}  {request['communication_class']}  {request['request_id']}"


def _next(incident: Mapping[str, Any]) -> str:
    if incident["superseded_by"]:
        return f"See what it became: adt-gateway incidents show {incident['superseded_by']}"
    if incident["closed_at"]:
        return "Nothing: it is closed."
    then = f"Then: {_verb(incident)}"
    if incident["kind"] not in {"threshold", "forecast"}:
        return f"{kind_text(incident['kind']).do} {then}".strip()
    found = "Find out who sent the requests in excess, and why"
    quarantine = "; the DCC will quarantine them" if incident["level"] == "quarantine" else ""
    return f"{found}{quarantine}. {then}"


def _verb(incident: Mapping[str, Any]) -> str:
    number = incident["id"]
    steps = {
        "candidate": f'adt-gateway incidents acknowledge {number} --reason "…"',
        "acknowledged": f'adt-gateway incidents investigate {number} --reason "…"',
        "investigating": f'adt-gateway incidents confirm {number} --reason "…"',
    }
    close = f'adt-gateway incidents close {number} --reason "…"'
    return steps.get(incident["state"], close)
