"""The API document (OpenAPI 3.1), made from the routes and the types they answer with."""

from http import HTTPStatus
from typing import Any

import msgspec

from tallybrook import __version__
from tallybrook.entrypoints.server.problems import CONTENT_TYPE, Problem
from tallybrook.entrypoints.server.route import Route
from tallybrook.entrypoints.server.routes import ROUTES

_REF = "#/components/schemas/{name}"
_KEYED = (401, 403)
_ALWAYS = (429, 503)


def document() -> dict[str, Any]:
    """The whole document, ready to be encoded."""
    replies = [reply for r in ROUTES for reply in (r.reply, r.begun) if reply is not None]
    unique = list({str(reply): reply for reply in [*replies, Problem]}.values())
    _, components = msgspec.json.schema_components(unique, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tallybrook",
            "version": __version__,
            "summary": "Analytics that a small team owns",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}, {"header": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{_camel(route.path)}",
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.scope is None:
        operation["security"] = []
    else:
        operation["description"] = f"Needs a key with the scope `{route.scope}`."
    if route.body:
        operation["requestBody"] = {
            "required": route.body_required,
            "content": {kind: {"schema": schema} for kind, schema in route.body.items()},
        }
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in route.path_schemas.items()
    ]
    query = [
        {
            "name": param.name,
            "in": "query",
            "required": param.required,
            "schema": param.schema,
            "description": param.description,
        }
        for param in route.query
    ]
    return path + query


def _responses(route: Route) -> dict[str, Any]:
    schema = {} if route.reply is None else {"schema": _reference(route.reply)}
    success = {
        "description": HTTPStatus(route.status).phrase,
        "content": dict.fromkeys((route.reply_type, *route.reply_types), schema)
        | {kind: {"schema": {"type": "string", "format": "binary"}} for kind in route.files},
    }
    keyed = (*_KEYED, *_ALWAYS) if route.scope is not None else _ALWAYS
    problems = {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {CONTENT_TYPE: {"schema": _reference(Problem)}},
        }
        for status in sorted({*route.errors, *keyed})
    }
    if route.path == "/ready":
        problems["503"] = {**success, "description": "Cannot write"}
    return {str(route.status): success, **_begun(route), **problems}


def _begun(route: Route) -> dict[str, Any]:
    """What is answered where nobody waits for the end."""
    if route.begun is None:
        return {}
    content = {"application/json": {"schema": _reference(route.begun)}}
    return {"202": {"description": HTTPStatus(202).phrase, "content": content}}


def _reference(reply: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([reply], ref_template=_REF)
    return schema


def _camel(path: str) -> str:
    words = path.replace("{", " by ").replace("}", "").replace("/", " ").replace("_", " ").split()
    return "".join(word.capitalize() for word in words)
