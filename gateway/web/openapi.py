"""The API's description, made from the table of routes."""

import re
from typing import Any

from aiohttp import web

from gateway.access import PERMISSIONS
from gateway.web.answers import json_answer
from gateway.web.problems import PROBLEM
from gateway.web.routes import ROUTES, Route

PATH = "/api/v1/openapi.json"


async def openapi(request: web.Request) -> web.Response:
    """Return the OpenAPI 3.1 description."""
    del request
    return json_answer(describe())


def describe() -> dict[str, Any]:
    """Return the description of every route."""
    paths: dict[str, Any] = {}
    for route in (*ROUTES, Route("GET", PATH, openapi, None)):
        path = re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ADT Gateway", "version": "1", "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: Route, path: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "responses": {
            str(route.status): {"description": "Done."},
            "default": {
                "description": "A problem (RFC 9457) with a stable `code`.",
                "content": {PROBLEM: {}},
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
    if route.content_type:
        operation["responses"][str(route.status)]["content"] = {route.content_type: {}}
    if route.body:
        operation["requestBody"] = {"content": {kind: {} for kind in route.body.split()}}
    return operation
