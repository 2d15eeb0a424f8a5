"""Every route of the API in one table: what it is for, who may use it, what it answers."""

from typing import Final

from gateway.access import Action
from gateway.ingest.dcc.records import Recognised
from gateway.ingest.receive import TakenLines
from gateway.web import dcc, decision_routes, events, files, forward, health, history, monitoring
from gateway.web.dcc_shapes import DccAlert, DccAlerts, QuarantinedRequests, ShownDifferences, ShownPm11
from gateway.web.files import Note
from gateway.web.monitoring import CloseNote
from gateway.web.route import Route
from gateway.web.shapes import (
    AdtFile,
    AdtFiles,
    Alive,
    History,
    Incident,
    Incidents,
    IncidentWithExcess,
    Rates,
    Ready,
    Records,
    SubmittedFile,
    Thresholds,
)

_FILE: Final = "/api/v1/adt-files/{number:[0-9]{1,10}}"
_INCIDENT: Final = "/api/v1/incidents/{number:[0-9]{1,10}}"
_DCC_ALERT: Final = "/api/v1/dcc-alerts/{number:[0-9]{1,10}}"
_JSON: Final = "application/json"

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
    Route("GET", _INCIDENT, monitoring.incident, Action.READ_MONITORING, answers=IncidentWithExcess),
    Route(
        "POST",
        _INCIDENT + "/close",
        monitoring.close_incident,
        Action.CLOSE_INCIDENT,
        body=_JSON,
        takes=CloseNote,
        answers=Incident,
    ),
    Route("GET", "/api/v1/audit", monitoring.audit, Action.READ_AUDIT, answers=Records),
    Route("GET", "/healthz", health.healthz, None, answers=Alive),
    Route("GET", "/readyz", health.readyz, None, or_status=503, answers=Ready),
    Route("GET", "/metrics", health.metrics, None, answers="application/openmetrics-text"),
)
