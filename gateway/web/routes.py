"""Every route of the API in one table: what it is for, who may use it, what it answers."""

from typing import Final

import msgspec

from gateway.access import Action
from gateway.ingest.dcc.records import Recognised
from gateway.ingest.receive import TakenLines
from gateway.operations.alert_shapes import TestResult
from gateway.web import (
    alerts,
    dcc,
    decision_routes,
    events,
    evidence,
    files,
    forward,
    health,
    history,
    incident_work,
    monitoring,
    silences,
)
from gateway.web import incident_shapes as asked
from gateway.web.dcc_shapes import DccAlert, DccAlerts, QuarantinedRequests, ShownDifferences, ShownPm11
from gateway.web.files import Note
from gateway.web.route import Handler, Route
from gateway.web.shapes import (
    AdtFile,
    AdtFiles,
    Alive,
    History,
    Incident,
    Incidents,
    Rates,
    Ready,
    Records,
    SubmittedFile,
    Thresholds,
)

_FILE: Final = "/api/v1/adt-files/{number:[0-9]{1,10}}"
_INCIDENT: Final = "/api/v1/incidents/{number:[0-9]{1,10}}"
_CHANNEL: Final = f"/api/v1/channels/{alerts.NAME}"
_SILENCE: Final = "/api/v1/silences/{number:[0-9]{1,10}}"
_DCC_ALERT: Final = "/api/v1/dcc-alerts/{number:[0-9]{1,10}}"
_JSON: Final = "application/json"


def _change(
    verb: str,
    handler: Handler,
    takes: type[msgspec.Struct],
    *,
    action: Action = Action.WORK_ON_INCIDENT,
    status: int = 200,
    answers: type[msgspec.Struct] = Incident,
) -> Route:
    """Return the route of something that people do with one incident."""
    return Route(
        "POST", f"{_INCIDENT}/{verb}", handler, action, status, body=_JSON, takes=takes, answers=answers
    )


_WORK: Final = (
    _change("step", incident_work.step, asked.StepAsked, action=Action.ACKNOWLEDGE_INCIDENT),
    _change("close", incident_work.close, asked.CloseAsked),
    _change("reopen", incident_work.reopen, asked.Why, status=201),
    _change("assign", incident_work.assign, asked.AssignAsked),
    _change("ticket", incident_work.ticket, asked.TicketAsked),
    _change("classification", incident_work.classify, asked.ClassifyAsked),
    _change("marking", incident_work.mark, asked.MarkAsked),
    _change("merge", incident_work.merge, asked.MergeAsked),
    _change("split", incident_work.split, asked.Why),
    _change(
        "notes",
        incident_work.note,
        asked.NoteAsked,
        action=Action.ACKNOWLEDGE_INCIDENT,
        status=201,
        answers=asked.ShownNote,
    ),
    _change(
        "notifications",
        incident_work.notify,
        asked.NotifyAsked,
        status=201,
        answers=asked.ShownNotification,
    ),
    Route(
        "POST",
        f"{_INCIDENT}/attachments",
        incident_work.attach,
        Action.WORK_ON_INCIDENT,
        201,
        "application/octet-stream",
        answers=asked.ShownAttachment,
    ),
    Route(
        "GET",
        _INCIDENT + "/attachments/{sha256:[0-9a-f]{64}}",
        incident_work.attachment,
        Action.READ_MONITORING,
        answers="application/octet-stream",
    ),
)
"""What people do with candidate incidents."""

ROUTES: Final = (
    Route(
        "POST",
        "/api/v1/service-requests",
        monitoring.service_requests,
        Action.SEND_COMMUNICATIONS,
        202,
        "application/xml application/x-ndjson",
        answers=TakenLines,
    ),
    Route(
        "POST",
        "/api/v1/dcc-alerts",
        dcc.take_alert,
        Action.SEND_COMMUNICATIONS,
        202,
        "application/xml text/xml",
        answers=Recognised,
    ),
    Route("GET", "/api/v1/dcc-alerts", dcc.alerts, Action.READ_MONITORING, answers=DccAlerts),
    Route("GET", _DCC_ALERT, dcc.alert, Action.READ_MONITORING, answers=DccAlert),
    Route("GET", "/api/v1/quarantined", dcc.quarantined, Action.READ_MONITORING, answers=QuarantinedRequests),
    Route(
        "GET",
        "/api/v1/quarantine/differences",
        dcc.differences,
        Action.READ_MONITORING,
        answers=ShownDifferences,
    ),
    Route(
        "GET",
        "/api/v1/performance-measures/pm-11",
        dcc.pm11,
        Action.READ_MONITORING,
        answers=ShownPm11,
    ),
    Route(
        "GET",
        "/api/v1/performance-measures/pm-11.csv",
        dcc.pm11_csv,
        Action.READ_MONITORING,
        answers="text/csv",
    ),
    Route(
        "POST",
        "/duis/{path:.*}",
        forward.forward,
        Action.SEND_COMMUNICATIONS,
        200,
        "application/xml text/xml",
    ),
    Route(
        "POST", "/api/v1/adt-files", files.submit, Action.SUBMIT_FILE, 201, "text/csv", answers=SubmittedFile
    ),
    Route("GET", "/api/v1/adt-files", files.list_all, Action.READ_FILES, answers=AdtFiles),
    Route("GET", _FILE, files.get_one, Action.READ_FILES, answers=AdtFile),
    Route(
        "GET",
        _FILE + "/{part:file|signature|receipt|approval}",
        files.get_file_part,
        Action.READ_FILES,
        answers=" ".join(files.FILE_TYPES.values()).replace("; charset=utf-8", ""),
    ),
    Route("POST", _FILE + "/approve", files.approve, Action.APPROVE_FILE, answers=AdtFile),
    Route(
        "POST", _FILE + "/reject", files.reject, Action.APPROVE_FILE, body=_JSON, takes=Note, answers=AdtFile
    ),
    Route(
        "POST",
        _FILE + "/withdraw",
        files.withdraw,
        Action.WITHDRAW_FILE,
        body=_JSON,
        takes=Note,
        answers=AdtFile,
    ),
    Route("POST", _FILE + "/deliver", files.deliver, Action.DELIVER_FILE, answers=AdtFile),
    Route(
        "POST",
        _FILE + "/handed-over",
        files.handed_over,
        Action.DELIVER_FILE,
        body=_JSON,
        takes=Note,
        answers=AdtFile,
    ),
    Route(
        "POST",
        _FILE + "/acknowledge",
        files.acknowledge,
        Action.ACKNOWLEDGE_FILE,
        body=_JSON,
        takes=Note,
        answers=AdtFile,
    ),
    *decision_routes.ROUTES,
    Route("GET", "/api/v1/thresholds", monitoring.thresholds, Action.READ_MONITORING, answers=Thresholds),
    Route("GET", "/api/v1/rates", monitoring.rates, Action.READ_MONITORING, answers=Rates),
    Route("GET", "/api/v1/events", events.events, Action.READ_MONITORING, answers=events.CONTENT_TYPE),
    Route("GET", "/api/v1/history", history.history, Action.READ_MONITORING, answers=History),
    Route("GET", "/api/v1/incidents", monitoring.incidents, Action.READ_MONITORING, answers=Incidents),
    Route("GET", "/api/v1/alerts", alerts.alerts, Action.READ_MONITORING, answers=alerts.Alerts),
    Route(
        "POST",
        "/api/v1/alerts/{number:[0-9]{1,10}}/resend",
        alerts.resend,
        Action.HANDLE_ALERTS,
        answers=alerts.Resent,
    ),
    Route("POST", f"{_CHANNEL}/resend", alerts.resend_all, Action.HANDLE_ALERTS, answers=alerts.Resent),
    Route(
        "POST",
        "/api/v1/alerts/{number:[0-9]{1,10}}/discard",
        alerts.discard,
        Action.HANDLE_ALERTS,
        body=_JSON,
        takes=alerts.DiscardAsked,
        answers=alerts.Discarded,
    ),
    Route(
        "POST",
        f"{_CHANNEL}/discard",
        alerts.discard_all,
        Action.HANDLE_ALERTS,
        body=_JSON,
        takes=alerts.DiscardAsked,
        answers=alerts.Discarded,
    ),
    Route("POST", f"{_CHANNEL}/test", alerts.test, Action.HANDLE_ALERTS, answers=TestResult),
    Route("GET", _INCIDENT, monitoring.incident, Action.READ_MONITORING, answers=asked.IncidentWithExcess),
    *_WORK,
    Route(
        "GET",
        _INCIDENT + "/evidence",
        evidence.evidence,
        Action.READ_MONITORING,
        answers=evidence.ShownEvidence,
    ),
    Route(
        "GET",
        _INCIDENT + f"/evidence/{{table:{'|'.join(evidence.CSV_TABLES)}}}.csv",
        evidence.evidence_table,
        Action.READ_MONITORING,
        answers="text/csv",
    ),
    Route("GET", "/api/v1/silences", silences.silences, Action.READ_MONITORING, answers=silences.SilenceList),
    Route(
        "POST",
        "/api/v1/silences",
        silences.create_silence,
        Action.SILENCE,
        201,
        _JSON,
        silences.SilenceBody,
        silences.Silence,
    ),
    Route("GET", _SILENCE, silences.silence, Action.READ_MONITORING, answers=silences.SilenceWithMuted),
    Route(
        "POST",
        _SILENCE + "/end",
        silences.end_silence,
        Action.SILENCE,
        body=_JSON,
        takes=silences.EndBody,
        answers=silences.Silence,
    ),
    Route("GET", "/api/v1/audit", monitoring.audit, Action.READ_AUDIT, answers=Records),
    Route("GET", "/healthz", health.healthz, None, answers=Alive),
    Route("GET", "/readyz", health.readyz, None, or_status=503, answers=Ready),
    Route("GET", "/metrics", health.metrics, None, answers="application/openmetrics-text"),
)
