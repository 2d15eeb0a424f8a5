"""The description says what is taken and answered: real answers are what their schemas say."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from gateway.web.openapi import describe
from gateway.web.routes import ROUTES
from tests.support.adt import adt_text
from tests.support.api import NDJSON, Answer, header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm

DESCRIPTION = describe()
FILE = "/api/v1/adt-files/{number}"
INCIDENT = "/api/v1/incidents/{number}"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("openapi")) as running:
        yield running


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(
        schema | {"components": DESCRIPTION["components"]}, format_checker=FormatChecker()
    )


def _check(method: str, path: str, answer: Answer) -> Any:
    """Compare an answer with the schema of its route, status and content type; return its JSON."""
    responses = DESCRIPTION["paths"][path][method]["responses"]
    content = responses.get(str(answer.status), responses["default"])["content"]
    schema = content[answer.headers["Content-Type"].partition(";")[0]]["schema"]
    assert schema
    _validator(schema).validate(answer.json)
    return answer.json


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema of an object inside *schema*."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for item in schema:
            yield from _objects(item)


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    Draft202012Validator.check_schema({"$defs": DESCRIPTION["components"]["schemas"]})
    text = json.dumps(DESCRIPTION)
    names = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(DESCRIPTION["components"]["schemas"])


def test_every_json_body_has_a_schema() -> None:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [answer.get("content", {}) for answer in operation["responses"].values()]
            for content in contents:
                for kind, described in content.items():
                    if kind.endswith(("/json", "+json")) and not path.endswith(("openapi.json", "{part}")):
                        assert described["schema"], (method, path, kind)


def test_every_status_is_one_and_every_body_names_its_content_types() -> None:
    operations = [
        (
            route,
            DESCRIPTION["paths"][re.sub(r"\{(\w+):.*?\}(?=[/.]|$)", r"{\1}", route.path)][
                route.method.lower()
            ],
        )
        for route in ROUTES
    ]
    for route, operation in operations:
        assert all(status == "default" or status.isdecimal() for status in operation["responses"])
        assert [*operation.get("requestBody", {}).get("content", {})] == route.body.split()
    bodies = {route.path: route.body for route, _ in operations if route.method == "POST"}
    assert bodies["/api/v1/service-requests"] == "application/xml application/x-ndjson"
    assert bodies["/api/v1/adt-files"] == "text/csv"


@needs_softhsm
def test_the_life_of_a_file_is_as_described(daemon: Daemon) -> None:
    alice, bob, olga = map(daemon.as_, ("alice", "bob", "olga"))
    past = row(80, 100, start=-86_400)  # with a warning
    submitted = _check("post", "/api/v1/adt-files", alice.submit(adt_text([past]).encode()))
    assert submitted["warnings"]
    number = submitted["id"]
    _check("get", "/api/v1/adt-files", alice.get("/api/v1/adt-files"))
    _check("get", FILE, alice.get(f"/api/v1/adt-files/{number}"))
    _check("post", FILE + "/approve", alice.step(number, "approve"))
    _check("post", FILE + "/approve", bob.step(number, "approve"))
    _check("post", FILE + "/deliver", olga.step(number, "deliver"))
    _check("post", FILE + "/acknowledge", olga.step(number, "acknowledge", reference="DCC-1"))
    daemon.wait_state(number, "in force")
    _check("get", "/api/v1/thresholds", bob.get("/api/v1/thresholds"))
    for verb, person in (("reject", bob), ("withdraw", alice)):
        other = alice.submit(adt_text([row(len(verb), 1000)]).encode()).json["id"]
        _check("post", f"{FILE}/{verb}", person.step(other, verb, reason="a test"))


def test_a_refused_file_and_an_unknown_one_are_problems_as_described(daemon: Daemon) -> None:
    alice = daemon.as_("alice")
    refused = _check("post", "/api/v1/adt-files", alice.submit(adt_text([row(80, 70)]).encode()))
    assert refused["faults"]
    _check("get", FILE, alice.get("/api/v1/adt-files/99999"))


CLOSING = {"reason": "a test", "finding": "false_positive"}


@needs_softhsm
def test_the_monitoring_is_as_described(daemon: Daemon) -> None:
    daemon.put_in_force(row(1, 2))
    lines = [header_line(number) for number in range(4)]
    body = b"\n".join([*(json.dumps(line).encode() for line in lines), b"{}"])
    taken = daemon.as_("adaptor").send(body, NDJSON)
    assert _check("post", "/api/v1/service-requests", taken)["rejected"]
    adam, ana = daemon.as_("adam"), daemon.as_("ana")
    wait_for("the incident", daemon.incidents)
    rates = _check("get", "/api/v1/rates", adam.get("/api/v1/rates"))["rates"]
    assert rates
    found = _check("get", "/api/v1/incidents", adam.get("/api/v1/incidents"))["incidents"]
    number = found[0]["id"]
    assert _check("get", INCIDENT, adam.get(f"/api/v1/incidents/{number}"))["excess"]
    _check("post", INCIDENT + "/close", ana.post(f"/api/v1/incidents/{number}/close", CLOSING))
    _check("get", "/api/v1/audit", adam.get("/api/v1/audit"))


def test_health_is_as_described(daemon: Daemon) -> None:
    for path in ("/healthz", "/readyz"):
        _check("get", path, daemon.stranger().get(path))


def test_what_the_handlers_answer_is_described_whole(daemon: Daemon) -> None:
    """A schema lets more keys pass: here a key that is not described is found."""
    closed = json.loads(json.dumps(DESCRIPTION["components"]))
    for schema in _objects(closed["schemas"]):
        schema["additionalProperties"] = False
    for path in ("/api/v1/adt-files", "/api/v1/incidents", "/api/v1/rates", "/api/v1/thresholds", "/readyz"):
        schema = DESCRIPTION["paths"][path]["get"]["responses"]["200"]["content"]["application/json"][
            "schema"
        ]
        found = daemon.as_("adam").get(path).json
        Draft202012Validator(schema | {"components": closed}).validate(found)
        with pytest.raises(ValidationError):
            Draft202012Validator(schema | {"components": closed}).validate(found | {"more": 1})
