"""Who may do what: one table, used by every way in."""

import enum
from types import MappingProxyType
from typing import Final

import msgspec

from gateway.errors import NotPermitted


class Role(enum.StrEnum):
    """A person's or a machine's part in the work; somebody may have several."""

    SUBMITTER = "submitter"
    APPROVER = "approver"
    OPERATOR = "operator"
    ANALYST = "analyst"
    AUDITOR = "auditor"
    ADMIN = "admin"
    ADAPTOR = "adaptor"


class Action(enum.StrEnum):
    """What can be asked of the gateway over its interfaces."""

    SUBMIT_FILE = "submit an ADT file"
    WITHDRAW_FILE = "withdraw an ADT file"
    APPROVE_FILE = "approve or reject a file that is to be signed"
    DELIVER_FILE = "deliver a signed file, or confirm that it was handed over"
    ACKNOWLEDGE_FILE = "record that the DCC acknowledged a signed file"
    READ_FILES = "read ADT files"
    READ_MONITORING = "read thresholds, rates and incidents"
    SILENCE = "mute alerts for a time"
    ACKNOWLEDGE_INCIDENT = "acknowledge a candidate incident, and add notes to it"
    WORK_ON_INCIDENT = "work on a candidate incident: decide, assign, mark, classify, group and close"
    HANDLE_ALERTS = "test alert channels, and send dead letters anew or discard them"
    DECIDE_QUARANTINE = "propose to release or delete quarantined requests, and confirm that they ended"
    READ_AUDIT = "read the audit chain"
    SEND_COMMUNICATIONS = "send service requests to be counted"
    USE_CONSOLE = "sign in to the console, with an own password and own access tokens"
    READ_PEOPLE = "read who has access"
    MANAGE_PEOPLE = "manage people, their roles, access tokens and sessions"
    READ_SETTINGS = "read the settings"


_PEOPLE: Final = frozenset(Role) - {Role.ADAPTOR}

PERMISSIONS: Final = MappingProxyType(
    {
        Action.SUBMIT_FILE: frozenset({Role.SUBMITTER}),
        Action.WITHDRAW_FILE: frozenset({Role.SUBMITTER}),
        Action.APPROVE_FILE: frozenset({Role.APPROVER}),
        Action.DELIVER_FILE: frozenset({Role.OPERATOR, Role.SUBMITTER}),
        Action.ACKNOWLEDGE_FILE: frozenset({Role.OPERATOR, Role.SUBMITTER}),
        Action.READ_FILES: _PEOPLE,
        Action.READ_MONITORING: _PEOPLE,
        Action.SILENCE: frozenset({Role.OPERATOR, Role.ANALYST}),
        Action.ACKNOWLEDGE_INCIDENT: frozenset({Role.ANALYST, Role.OPERATOR}),
        Action.WORK_ON_INCIDENT: frozenset({Role.ANALYST}),
        Action.HANDLE_ALERTS: frozenset({Role.OPERATOR, Role.ANALYST}),
        Action.DECIDE_QUARANTINE: frozenset({Role.ANALYST, Role.OPERATOR}),
        Action.READ_AUDIT: _PEOPLE,
        Action.SEND_COMMUNICATIONS: frozenset({Role.ADAPTOR}),
        Action.USE_CONSOLE: _PEOPLE,
        Action.READ_PEOPLE: frozenset({Role.ADMIN, Role.AUDITOR}),
        Action.MANAGE_PEOPLE: frozenset({Role.ADMIN}),
        Action.READ_SETTINGS: frozenset({Role.ADMIN, Role.AUDITOR, Role.OPERATOR}),
    }
)
"""The roles that may do each action."""


class Person(msgspec.Struct, frozen=True):
    """Somebody who is known, with the roles they act in now."""

    name: str
    roles: frozenset[Role]

    def may(self, action: Action) -> bool:
        """Tell whether one of the roles allows *action*."""
        return not self.roles.isdisjoint(PERMISSIONS[action])

    def require(self, action: Action) -> None:
        """Raise `NotPermitted`, naming the roles that may, unless one of ours does."""
        if self.may(action):
            return
        wanted = " or ".join(sorted(PERMISSIONS[action]))
        held = ", ".join(sorted(self.roles)) or "none"
        msg = f"{self.name} may not {action}: this needs the role {wanted}, and {self.name} has {held} here"
        raise NotPermitted("role_missing", msg, "Ask a person who has that role.")
