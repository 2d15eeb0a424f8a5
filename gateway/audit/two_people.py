"""No signature without a second person: what the chain itself has to show of each file that was signed. Pure."""

from typing import Any

import msgspec

from gateway.audit.record import Content
from gateway.audit.signed_file import FileKind, actions

SUBMITTED = actions("submitted")
APPROVED = actions("approved")
SIGNED = actions("signed")


class _Told(msgspec.Struct, frozen=True):
    """Who did a step, and to which bytes."""

    actor: str
    sha256: Any


class TwoPeople:
    """Looks at records in their order, and says which signature no second person approved before it."""

    def __init__(self) -> None:
        self._submitted: dict[str, _Told] = {}
        self._approved: dict[str, _Told] = {}

    def fault(self, content: Content) -> str:
        """Return what is wrong with a record that says that a file was signed, or nothing."""
        told = _Told(content.actor, content.detail.get("sha256"))
        if content.action in SUBMITTED:
            self._submitted[content.subject] = told
            self._approved.pop(content.subject, None)
        elif content.action in APPROVED:
            self._approved[content.subject] = told
        elif content.action in SIGNED:
            return self._of_signature(content, told.sha256)
        return ""

    def _of_signature(self, content: Content, sha256: Any) -> str:
        submitted, approved = self._submitted.get(content.subject), self._approved.get(content.subject)
        where = f"record {content.number}: {content.subject} was signed"
        kind = FileKind(content.action.removesuffix(".signed").replace("_", "-"))
        if not content.subject.startswith(f"{kind}/"):
            return f"{where}, and that is no {kind}"
        if submitted is None:
            return f"{where}, and no record before says that it was submitted"
        if approved is None:
            return f"{where}, and no record before says that a second person approved it"
        if approved.actor == submitted.actor:
            return f"{where}, and {approved.actor} both submitted and approved it"
        if not isinstance(sha256, str) or {submitted.sha256, approved.sha256} != {sha256}:
            return f"{where}, and its bytes are not those that were approved"
        return ""
