"""What people did with an incident, on its page for a person. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.cli.output import plural
from gateway.cli.words import utc


def work(incident: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what people did with an incident as the API gives it: who works on it, what they decided, and why."""
    if incident["finding"]:
        yield "found to be", incident["finding"].replace("_", " ")
    if incident["assigned_to"]:
        yield "assigned to", incident["assigned_to"]
    if incident["ticket"]:
        yield "ticket", incident["ticket"]
    yield from _classification(incident)
    yield from _links(incident)
    for note in incident["notes"]:
        first, *more = note["text"].splitlines()
        yield "note", f"{note['added_by']}, {utc(note['added_at'])}: {first}"
        yield from (("", line) for line in more)
    for file in incident["attachments"]:
        yield "attachment", f"{file['name']}, {plural(file['size'], 'byte')}, SHA-256 {file['sha256']}"
    for step in incident["steps"]:
        why = f": {step['reason']}" if step["reason"] else ""
        yield "history", f"{utc(step['done_at'])}  {step['done_by']}  {step['what']}{why}"


def _classification(incident: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if incident["licence"] is not None:
        held = " ".join(f"({letter})" for letter in incident["licence"]) or "no Security Incident"
        yield "licence", f"46.6/40.6: {held}"
        yield "SEC", incident["sec"]
    elif incident["suggestion"]:
        suggestion = incident["suggestion"]
        yield "suggestion", f"46.6/40.6 ({suggestion['letter']}): {suggestion['why']}; nobody has decided it"
    for told in incident["notifications"]:
        reference = f", reference {told['reference']}" if told["reference"] else ""
        yield "was told", f"{told['whom']}, {utc(told['told_at'])}{reference}"
    if incident["nominees"]:
        yield "nominees", ", ".join(incident["nominees"])


def _links(incident: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if incident["group"]:
        others = ", ".join(str(member["id"]) for member in incident["group"])
        yield "group", f"{incident['group_id']}, with {others}"
    if incident["reopens"]:
        yield "takes up again", str(incident["reopens"])
    for again in incident["reopened_as"]:
        yield "taken up as", str(again)
