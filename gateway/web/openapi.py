"""The API's description, made from the table of routes."""

import re
from typing import Any

import msgspec
from aiohttp import web

from gateway.access import PERMISSIONS
from gateway.web.answers import json_answer
from gateway.web.problems import PROBLEM
from gateway.web.route import Route
from gateway.web.routes import ROUTES
from gateway.web.shapes import Problem

PATH = "/api/v1/openapi.json"


async def openapi(request: web.Request) -> web.Response:
    """Return the OpenAPI 3.1 description."""
    del request
    return json_answer(describe())


def describe() -> dict[str, Any]:
    """Return the description of every route."""
    paths: dict[str, Any] = {}
    routes = (*ROUTES, Route("GET", PATH, openapi, None, answers="application/json"))
    references, schemas = _schemas(routes)
    for route in routes:
        path = re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ADT Gateway", "version": "1", "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


References = dict[Any, dict[str, Any]]
"""How the description names the schema of each type."""


def _schemas(routes: tuple[Route, ...]) -> tuple[References, dict[str, Any]]:
    """Return how each type of the routes is named, and the schemas: made of the types that the handlers use."""
    found = [kind for route in routes for kind in (route.takes, route.answers) if isinstance(kind, type)]
    types = list(dict.fromkeys([*found, Problem]))
    named, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return dict(zip(types, named, strict=True)), schemas


def _content(kinds: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {kind: {"schema": schema or {}} for kind in kinds.split()}


def _answer(route: Route, references: References) -> dict[str, Any]:
    if isinstance(route.answers, str):
        content = _content(route.answers)
    else:
        content = _content("application/json", references[route.answers])
    return {"description": "Done.", "content": content} if content else {"description": "Done."}


def _operation(route: Route, path: str, references: References) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "responses": {
            **{
                str(status): _answer(route, references)
                for status in (route.status, route.or_status)
                if status
            },
            "default": {
                "description": "A problem (RFC 9457) with a stable `code`.",
                "content": _content(PROBLEM, references[Problem]),
            },
        },
    }
    names = re.findall(r"\{(\w+)\}", path)
    if names:
        kinds = {"number": "integer"}
        operation["parameters"] = [
            {"name": n, "in": "path", "required": True, "schema": {"type": kinds.get(n, "string")}}
            for n in names
        ]
    if route.action is not None:
        operation["security"] = [{"token": []}]
        operation["description"] = "Roles: " + ", ".join(sorted(PERMISSIONS[route.action])) + "."
    if route.body:
        schema = references[route.takes] if route.takes else None
        operation["requestBody"] = {"content": _content(route.body, schema)}
    return operation
