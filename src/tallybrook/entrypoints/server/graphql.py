"""``/graphql``: GraphQL over HTTP, by POST and (queries alone) by GET.

What is wrong with the request itself (key, scope, type, JSON) is a problem document as everywhere;
what is wrong with the query is told as GraphQL does.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from ariadne import format_error
from graphql import DocumentNode, GraphQLError, GraphQLSchema
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tallybrook.entrypoints.server.auth import Gate, Principal, presented_key
from tallybrook.entrypoints.server.bodies import read_body, require_json_type
from tallybrook.errors import FieldError, InvalidError, MalformedError
from tallybrook.events.checks import depth_of, require_json
from tallybrook.graphql.executing import Caller, Run, executable, execute, formatted, parsed
from tallybrook.graphql.limits import mutations
from tallybrook.graphql.ports import Ports

MAX_BODY_BYTES = 1 << 20
MAX_JSON_DEPTH = 64
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


class Asked(Struct):
    """The parameters of a request."""

    query: str
    operationName: str | None = None  # noqa: N815 - the protocol's name
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


_ASKED = msgspec.json.Decoder(Asked)


class Endpoint:
    """The route over some ports. ``run`` calls what blocks beside the event loop."""

    def __init__(self, ports: Ports, gate: Gate, run: Run) -> None:
        self._ports = ports
        self._gate = gate
        self._run = run
        self._schema: GraphQLSchema = executable(ports.records.types)

    async def __call__(self, request: Request) -> Response:
        """Answer a request. Raises ``TallybrookError`` and ``HTTPException`` for its own faults."""
        kind = answered_as(request.headers)
        principal = self._gate.identify(presented_key(request.headers))
        asked = await _asked(request)
        try:
            document = parsed(asked.query)
        except GraphQLError as error:
            return _refused(format_error(error), kind)
        except InvalidError as error:
            return _refused(formatted(GraphQLError(str(error), original_error=error)), kind)
        _require_scope(principal, document, asked, request.method)
        caller = Caller(self._ports, principal.key.account_id, self._run)
        answer = await execute(self._schema, document, asked.variables, asked.operationName, caller)
        return _answered(answer, kind)


def answered_as(headers: Mapping[str, str]) -> str:
    """The media type of the answer: the protocol's own where it is asked for by name, else JSON.

    Raises ``HTTPException`` (406) when neither will do.
    """
    accepted = {
        part.partition(";")[0].strip().lower() for part in headers.get("accept", "*/*").split(",")
    }
    if GRAPHQL_JSON in accepted:
        return GRAPHQL_JSON
    if accepted & {JSON, "application/*", "*/*", ""}:
        return JSON
    raise HTTPException(406, f"send Accept: {GRAPHQL_JSON} or {JSON}")


async def _asked(request: Request) -> Asked:
    if request.method == "POST":
        require_json_type(request.headers)
        body = await read_body(request, MAX_BODY_BYTES)
    else:
        body = _from_query(request.query_params)
    require_json(body)
    if depth_of(body) > MAX_JSON_DEPTH:
        raise MalformedError(f"nested deeper than {MAX_JSON_DEPTH} levels")
    try:
        return _ASKED.decode(body)
    except msgspec.MsgspecError as error:
        fault = FieldError("", str(error))
        malformed = MalformedError(f"not a GraphQL request: {error}", [fault])
        raise malformed from None


def _from_query(query: Mapping[str, str]) -> bytes:
    given: dict[str, Any] = {
        name: query[name] for name in ("query", "operationName") if query.get(name)
    }
    for name in ("variables", "extensions"):
        if query.get(name):
            require_json(query[name].encode())
            given[name] = msgspec.Raw(query[name].encode())
    return msgspec.json.encode(given)


def _require_scope(principal: Principal, document: DocumentNode, asked: Asked, method: str) -> None:
    changing = mutations(document, asked.operationName)
    if changing is None:
        principal.require("read")
        return
    if method != "POST":
        raise HTTPException(405, "mutations are sent by POST", {"allow": "POST"})
    principal.require("write")
    principal.take(changing)


def _refused(error: dict[str, Any], kind: str) -> Response:
    return _answered({"errors": [error]}, kind)


def _answered(answer: dict[str, Any], kind: str) -> Response:
    # The older media type has one status for every request that was well formed.
    status = 400 if kind == GRAPHQL_JSON and "data" not in answer else 200
    return Response(msgspec.json.encode(answer), status, media_type=kind)
