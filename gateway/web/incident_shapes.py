"""What the API takes and answers about one candidate incident and what people do with it."""

from typing import Annotated, Any, Literal

import msgspec

from gateway.alerts.classification import Suggestion
from gateway.alerts.facts import Facts
from gateway.operations.incidents import GotIncident
from gateway.store.episodes import ExcessRow
from gateway.store.incident_work import Attachment, Member, Note, Notification, Step
from gateway.store.incidents import StoredIncident
from gateway.web.answers import instants
from gateway.web.shapes import Instant, with_instants


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A body; *version* is that of the incident that was decided on, to be told what somebody did meanwhile."""

    version: int | None = None


class StepAsked(Asked, frozen=True):
    """Take the incident to another state of its life."""

    state: Literal["acknowledged", "investigating", "confirmed", "false_positive", "expected_work"]
    reason: str


class CloseAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Close it; *finding* says what it was, where nobody has said so yet."""

    reason: str
    finding: Literal["", "confirmed", "false_positive", "expected_work"] = ""
    version: int | None = None


class Why(Asked, frozen=True):
    """Why something is done."""

    reason: str


class AssignAsked(Asked, frozen=True):
    """Say who works on it; empty for nobody."""

    to: str


class TicketAsked(Asked, frozen=True):
    """Its reference in another system; empty for none."""

    reference: str


class NoteAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Write something down."""

    text: str


class ClassifyAsked(Asked, frozen=True):
    """Decide what it is: letters of the licence's Security Incident (none for no such), and the word of the SEC."""

    licence: list[Literal["a", "b", "c"]]
    sec: Literal["none", "compromise", "major"]
    reason: str


class MarkAsked(Asked, frozen=True):
    """Set the marking; empty takes it away. *nominees* may see it while it is `classified`, beside whoever marks."""

    marking: Literal["", "confidential", "classified"]
    reason: str
    nominees: list[str] = []


class NotifyAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keep that somebody outside was told."""

    whom: str
    told_at: Instant
    reference: str = ""


class MergeAsked(Asked, frozen=True, rename={"other": "with"}):
    """Put it into the group of another incident."""

    other: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
    reason: str


ShownStep = with_instants(Step, "ShownStep")
ShownNote = with_instants(Note, "ShownNote")
ShownAttachment = with_instants(Attachment, "ShownAttachment")
ShownNotification = with_instants(Notification, "ShownNotification")
ShownMember = with_instants(Member, "ShownMember")

IncidentWithExcess = with_instants(
    StoredIncident,
    "IncidentWithExcess",
    detail=Facts,
    steps=list[ShownStep],  # type: ignore[valid-type] # made above, as those below
    notes=list[ShownNote],  # type: ignore[valid-type]
    attachments=list[ShownAttachment],  # type: ignore[valid-type]
    notifications=list[ShownNotification],  # type: ignore[valid-type]
    nominees=list[str],
    group=list[ShownMember],  # type: ignore[valid-type]
    reopened_as=list[int],
    suggestion=Suggestion | None,
    excess_count=int,
    excess=list[ExcessRow],
    planned_work=str,
    silences=list[int],
)


def shown_whole(found: GotIncident) -> dict[str, Any]:
    """Return an incident as `IncidentWithExcess`."""
    work = msgspec.structs.asdict(found.work)
    shown = {
        name: [instants(each) if isinstance(each, msgspec.Struct) else each for each in rows]
        for name, rows in work.items()
    }
    rest = {"suggestion": found.suggestion, "excess_count": found.excess_count, "excess": found.excess}
    return instants(found.incident) | shown | rest
