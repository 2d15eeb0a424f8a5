"""The routes of decisions on quarantined requests."""

from typing import Final

from gateway.access import Action
from gateway.operations.decisions import Proposal
from gateway.store.decisions import Chosen
from gateway.web import decisions, files
from gateway.web.decisions import (
    Confirmation,
    Preview,
    ShownDecision,
    ShownDecisions,
    WholeDecision,
    of_decision,
)
from gateway.web.files import Note
from gateway.web.route import Route
from gateway.web.shapes import AdtFile

ALL: Final = "/api/v1/quarantine/decisions"
ONE: Final = f"{ALL}/{{number:[0-9]{{1,10}}}}"
JSON: Final = "application/json"
PARTS: Final = " ".join(files.FILE_TYPES.values()).replace("; charset=utf-8", "")


def _step(name: str, handler: decisions.Handler, action: Action, takes: type[Note] | None = None) -> Route:
    """Return the route of a step that is the same for files of every kind."""
    body = JSON if takes else ""
    return Route(
        "POST",
        f"{ONE}/{name}",
        of_decision(handler, action),
        action,
        body=body,
        takes=takes,
        answers=AdtFile,
    )


ROUTES: Final = (
    Route(
        "POST",
        "/api/v1/quarantine/preview",
        decisions.preview,
        Action.DECIDE_QUARANTINE,
        body=JSON,
        takes=Chosen,
        answers=Preview,
    ),
    Route(
        "POST",
        ALL,
        decisions.propose,
        Action.DECIDE_QUARANTINE,
        201,
        JSON,
        takes=Proposal,
        answers=ShownDecision,
    ),
    Route("GET", ALL, decisions.list_all, Action.READ_FILES, answers=ShownDecisions),
    Route("GET", ONE, decisions.get_one, Action.READ_FILES, answers=WholeDecision),
    Route(
        "GET",
        ONE + "/{part:file|signature|receipt|approval}",
        of_decision(files.get_file_part, Action.READ_FILES),
        Action.READ_FILES,
        answers=PARTS,
    ),
    _step("approve", files.approve, Action.APPROVE_FILE),
    _step("reject", files.reject, Action.APPROVE_FILE, Note),
    Route(
        "POST",
        f"{ONE}/withdraw",
        decisions.withdraw,
        Action.DECIDE_QUARANTINE,
        body=JSON,
        takes=Confirmation,
        answers=AdtFile,
    ),
    _step("deliver", files.deliver, Action.DELIVER_FILE),
    _step("handed-over", files.handed_over, Action.DELIVER_FILE, Note),
    _step("acknowledge", files.acknowledge, Action.ACKNOWLEDGE_FILE, Note),
    Route(
        "POST",
        f"{ONE}/ended",
        decisions.confirm,
        Action.DECIDE_QUARANTINE,
        body=JSON,
        takes=Confirmation,
        answers=ShownDecision,
    ),
)
"""In the order of a decision's life."""
