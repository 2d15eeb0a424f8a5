"""Who may do what: every route, with every role and without any."""

from typing import Any, Final

import pytest

from gateway.access import Role
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm

ONE_ROLE: Final = {
    Role.SUBMITTER: "alice",
    Role.APPROVER: "bob",
    Role.OPERATOR: "olga",
    Role.ANALYST: "ana",
    Role.AUDITOR: "adam",
    Role.ADMIN: "ada",
    Role.ADAPTOR: "adaptor",
}

EVERYBODY: Final = frozenset(Role) - {Role.ADAPTOR}
HANDLERS: Final = frozenset({Role.OPERATOR, Role.ANALYST})
DECIDERS: Final = frozenset({Role.ANALYST, Role.OPERATOR})
ALLOWED: Final[dict[tuple[str, str], frozenset[Role] | None]] = {
    ("post", "/api/v1/service-requests"): frozenset({Role.ADAPTOR}),
    ("post", "/duis/{path}"): frozenset({Role.ADAPTOR}),
    ("post", "/api/v1/dcc-alerts"): frozenset({Role.ADAPTOR}),
    ("get", "/api/v1/dcc-alerts"): EVERYBODY,
    ("get", "/api/v1/dcc-alerts/{number}"): EVERYBODY,
    ("get", "/api/v1/quarantined"): EVERYBODY,
    ("get", "/api/v1/quarantine/differences"): EVERYBODY,
    ("get", "/api/v1/performance-measures/pm-11"): EVERYBODY,
    ("get", "/api/v1/performance-measures/pm-11.csv"): EVERYBODY,
    ("post", "/api/v1/adt-files"): frozenset({Role.SUBMITTER}),
    ("get", "/api/v1/adt-files"): EVERYBODY,
    ("get", "/api/v1/adt-files/{number}"): EVERYBODY,
    ("get", "/api/v1/adt-files/{number}/{part}"): EVERYBODY,
    ("post", "/api/v1/adt-files/{number}/approve"): frozenset({Role.APPROVER}),
    ("post", "/api/v1/adt-files/{number}/reject"): frozenset({Role.APPROVER}),
    ("post", "/api/v1/adt-files/{number}/withdraw"): frozenset({Role.SUBMITTER}),
    ("post", "/api/v1/adt-files/{number}/deliver"): frozenset({Role.SUBMITTER, Role.OPERATOR}),
    ("post", "/api/v1/adt-files/{number}/acknowledge"): frozenset({Role.SUBMITTER, Role.OPERATOR}),
    ("post", "/api/v1/adt-files/{number}/handed-over"): frozenset({Role.SUBMITTER, Role.OPERATOR}),
    ("post", "/api/v1/quarantine/preview"): DECIDERS,
    ("post", "/api/v1/quarantine/decisions"): DECIDERS,
    ("get", "/api/v1/quarantine/decisions"): EVERYBODY,
    ("get", "/api/v1/quarantine/decisions/{number}"): EVERYBODY,
    ("get", "/api/v1/quarantine/decisions/{number}/{part}"): EVERYBODY,
    ("post", "/api/v1/quarantine/decisions/{number}/approve"): frozenset({Role.APPROVER}),
    ("post", "/api/v1/quarantine/decisions/{number}/reject"): frozenset({Role.APPROVER}),
    ("post", "/api/v1/quarantine/decisions/{number}/withdraw"): DECIDERS,
    ("post", "/api/v1/quarantine/decisions/{number}/deliver"): frozenset({Role.SUBMITTER, Role.OPERATOR}),
    ("post", "/api/v1/quarantine/decisions/{number}/handed-over"): frozenset({Role.SUBMITTER, Role.OPERATOR}),
    ("post", "/api/v1/quarantine/decisions/{number}/acknowledge"): frozenset({Role.SUBMITTER, Role.OPERATOR}),
    ("post", "/api/v1/quarantine/decisions/{number}/ended"): DECIDERS,
    ("get", "/api/v1/thresholds"): EVERYBODY,
    ("get", "/api/v1/rates"): EVERYBODY,
    ("get", "/api/v1/events"): EVERYBODY,
    ("get", "/api/v1/history"): EVERYBODY,
    ("get", "/api/v1/incidents"): EVERYBODY,
    ("get", "/api/v1/incidents/{number}"): EVERYBODY,
    ("get", "/api/v1/incidents/{number}/evidence"): EVERYBODY,
    ("get", "/api/v1/incidents/{number}/evidence/{table}.csv"): EVERYBODY,
    ("post", "/api/v1/incidents/{number}/close"): frozenset({Role.ANALYST}),
    ("get", "/api/v1/alerts"): EVERYBODY,
    ("post", "/api/v1/alerts/{number}/resend"): HANDLERS,
    ("post", "/api/v1/alerts/{number}/discard"): HANDLERS,
    ("post", "/api/v1/channels/{name}/resend"): HANDLERS,
    ("post", "/api/v1/channels/{name}/discard"): HANDLERS,
    ("post", "/api/v1/channels/{name}/test"): HANDLERS,
    **{
        ("post", f"/api/v1/incidents/{{number}}/{verb}"): frozenset({Role.ANALYST})
        for verb in (
            *("close", "reopen", "assign", "ticket", "classification", "marking", "merge", "split"),
            *("notifications", "attachments"),
        )
    },
    ("post", "/api/v1/incidents/{number}/step"): frozenset({Role.ANALYST, Role.OPERATOR}),
    ("post", "/api/v1/incidents/{number}/notes"): frozenset({Role.ANALYST, Role.OPERATOR}),
    ("get", "/api/v1/incidents/{number}/attachments/{sha256}"): EVERYBODY,
    ("get", "/api/v1/silences"): EVERYBODY,
    ("post", "/api/v1/silences"): frozenset({Role.OPERATOR, Role.ANALYST}),
    ("get", "/api/v1/silences/{number}"): EVERYBODY,
    ("post", "/api/v1/silences/{number}/end"): frozenset({Role.OPERATOR, Role.ANALYST}),
    ("get", "/api/v1/audit"): EVERYBODY,
    ("get", "/healthz"): None,
    ("get", "/readyz"): None,
    ("get", "/metrics"): None,
    ("get", "/api/v1/openapi.json"): None,
}
"""Who may use each route, written down a second time; None stands for anybody at all."""


def described(daemon: Daemon) -> dict[tuple[str, str], Any]:
    paths = daemon.stranger().get("/api/v1/openapi.json").json["paths"]
    return {
        (method, path): operation for path, methods in paths.items() for method, operation in methods.items()
    }


def fill(path: str) -> str:
    values = {"{number}": "99999", "{part}": "file", "{table}": "counts", "{name}": "nobody"}
    for name, value in (values | {"{sha256}": "0" * 64}).items():
        path = path.replace(name, value)
    return path


def test_the_description_says_who_may(daemon: Daemon) -> None:
    found = described(daemon)
    assert set(found) == set(ALLOWED)
    for route, operation in found.items():
        roles = ALLOWED[route]
        assert ("security" in operation) == (roles is not None)
        if roles is not None:
            assert operation["description"] == f"Roles: {', '.join(sorted(roles))}."


@pytest.mark.parametrize("role", Role)
def test_a_role_opens_its_routes_and_no_other(daemon: Daemon, role: Role) -> None:
    person = daemon.as_(ONE_ROLE[role])
    for (method, path), roles in ALLOWED.items():
        body = b'{"reason": "x", "reference": "x"}' if not path.endswith("close") else b'{"reason": "x"}'
        answer = person.ask(method.upper(), fill(path), body if method == "post" else None, "application/xml")
        if roles is None or role in roles:
            assert answer.status not in {401, 403, 500}, (method, path, answer)
        else:
            assert (answer.status, answer.code) == (403, "role_missing"), (method, path)
            assert " or ".join(sorted(roles)) in answer.json["detail"]


def test_without_an_access_token_nothing_but_health_is_open(daemon: Daemon) -> None:
    for (method, path), roles in ALLOWED.items():
        for access_token, code in (("", "access_token_missing"), ("adtgw_guess", "access_token_unknown")):
            body = b"x" * 1000 if method == "post" else None
            answer = daemon.stranger(access_token).ask(method.upper(), fill(path), body, "application/xml")
            if roles is None:
                assert answer.status == 200
            else:
                assert (answer.status, answer.code) == (401, code), (method, path)


def test_other_schemes_are_no_access_token(daemon: Daemon) -> None:
    good = daemon.as_("adam").access_token
    assert daemon.stranger(good).get("/api/v1/rates").status == 200
    for mangled in (good + "x", good[:-1], good.upper(), f"{good} {good}"):
        assert daemon.stranger(mangled).get("/api/v1/rates").status == 401


def test_a_disabled_person_is_out_at_once(own_daemon: Daemon) -> None:
    daemon = own_daemon
    assert daemon.as_("adam").get("/api/v1/rates").status == 200
    assert daemon.cli("user", "disable", "adam").returncode == 0
    assert daemon.as_("adam").get("/api/v1/rates").code == "access_token_unknown"
    assert daemon.as_("ana").cli("audit", "verify").returncode == 0


def test_a_token_for_fewer_roles_can_do_no_more_than_it_says(own_daemon: Daemon) -> None:
    daemon = own_daemon
    issued = daemon.cli("user", "issue-token", "dora", "--role", "submitter")
    dora = daemon.stranger(issued.stdout.strip())
    number = daemon.submit(row(1, 2))
    assert dora.step(number, "approve").code == "role_missing"
    assert daemon.as_("dora").step(number, "approve").status == 200
    refused = daemon.cli("user", "issue-token", "alice", "--role", "approver")
    assert (refused.returncode, "person_roles" in refused.stderr) == (3, True)


def test_access_tokens_stand_in_no_log_and_no_file(daemon: Daemon) -> None:
    access_token = daemon.as_("adaptor").access_token
    daemon.as_("adaptor").send_lines([header_line(1)])
    wait_for("the request", daemon.journal)
    places = [daemon.log_file, *daemon.data.glob("gateway.sqlite*")]
    assert all(access_token.encode() not in place.read_bytes() for place in places)
