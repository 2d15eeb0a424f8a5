"""What somebody may do with an ADT file now, and why not. Pure; the operations themselves refuse again."""

import enum
from typing import Final

import msgspec

from gateway.access import PERMISSIONS, Action, Person
from gateway.audit.signed_file import FileKind
from gateway.store.adt_files import FileState, StoredFile


class Step(enum.StrEnum):
    """A step in the life of a file that a person takes."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    DELIVER = "deliver"
    HAND_OVER = "handed-over"
    ACKNOWLEDGE = "acknowledge"


ACTIONS: Final = {
    Step.APPROVE: Action.APPROVE_FILE,
    Step.REJECT: Action.APPROVE_FILE,
    Step.WITHDRAW: Action.WITHDRAW_FILE,
    Step.DELIVER: Action.DELIVER_FILE,
    Step.HAND_OVER: Action.DELIVER_FILE,
    Step.ACKNOWLEDGE: Action.ACKNOWLEDGE_FILE,
}
"""What a person must be allowed for each step."""

NEXT: Final = {
    FileState.SUBMITTED: (Step.APPROVE, Step.REJECT, Step.WITHDRAW),
    FileState.APPROVED: (Step.APPROVE, Step.WITHDRAW),
    FileState.SIGNED: (Step.DELIVER, Step.HAND_OVER),
    FileState.DELIVERED: (Step.ACKNOWLEDGE, Step.DELIVER),
}
"""The steps that a file in each state waits for; in the other states it waits for nobody."""


class Choice(msgspec.Struct, frozen=True):
    """A step that a file waits for, and why the person cannot take it (empty where they can)."""

    step: Step
    obstacle: str


def choices(file: StoredFile, person: Person, strangers: frozenset[str] = frozenset()) -> tuple[Choice, ...]:
    """Return the steps that *file* waits for, each with what keeps *person* from it.

    *strangers* are the submitters who are not of the directory of *person*.
    """
    return tuple(Choice(step, _obstacle(step, file, person, strangers)) for step in NEXT.get(file.state, ()))


def _obstacle(step: Step, file: StoredFile, person: Person, strangers: frozenset[str]) -> str:
    own = file.submitted_by == person.name
    if step is Step.APPROVE and own:
        return "You submitted this file; a second person must approve it."
    action = ACTIONS[step]
    if step is Step.WITHDRAW and file.kind is FileKind.EXIT_QUARANTINE:
        action = Action.DECIDE_QUARANTINE
    if not person.may(action):
        wanted = " or ".join(sorted(PERMISSIONS[action]))
        return f"This needs the role {wanted}."
    if step is Step.APPROVE and file.submitted_by in strangers:
        return (
            f"{file.submitted_by} and you are not of one directory, one of you has a local account: nobody can say "
            "that you are two people. An approver of the submitter's directory has to approve it."
        )
    if step is Step.WITHDRAW and not own:
        return f"{file.submitted_by} submitted this file; only they can withdraw it."
    return ""
