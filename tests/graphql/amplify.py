"""An API as Amplify makes one, in memory: create fails on what is there, update on what is not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from ariadne import MutationType, QueryType, ScalarType, graphql, make_executable_schema
from graphql import GraphQLError
from msgspec import Struct, field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tallybrook.graphql.sdl import SCALARS, sdl
from tallybrook.records.reading import DEFAULT_TYPES
from tests.support import wait_for

Row = dict[str, Any]


class Amplify(Struct):
    """The rows of its tables, and what it was asked. ``plan`` holds answers to give first."""

    url: str = ""
    metrics: dict[str, Row] = field(default_factory=dict)
    items: list[Row] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    plan: list[Response] = field(default_factory=list)
    page: int = 50
    before_write: Any = None

    def list(self, **args: Any) -> Row:
        low, high = (args.get("compositeKey") or {}).get("between", ["", "~"])
        keys = [key for key in sorted(self.metrics) if low <= key <= high]
        return self._page([self.metrics[key] for key in keys], args)

    def get(self, **args: Any) -> Row | None:
        return self.metrics.get(args["compositeKey"])

    def items_of(self, **args: Any) -> Row:
        low, high = (args.get("createdAt") or args.get("updatedAt") or {})["between"]
        name = "createdAt" if args.get("createdAt") else "updatedAt"
        found = [row for row in self.items if low <= (row.get(name) or "") <= high]
        return self._page(sorted(found, key=lambda row: str(row[name])), args)

    def _page(self, rows: "list[Row]", args: Row) -> Row:
        start = int(args.get("nextToken") or 0)
        end = start + min(self.page, args.get("limit") or 100)
        return {"items": rows[start:end], "nextToken": str(end) if end < len(rows) else None}

    def create(self, **args: Any) -> Row:
        self._raced(args["input"]["compositeKey"])
        if args["input"]["compositeKey"] in self.metrics:
            raise ConditionFailedError
        self.metrics[args["input"]["compositeKey"]] = dict(args["input"])
        return self.metrics[args["input"]["compositeKey"]]

    def update(self, **args: Any) -> Row:
        key = args["input"]["compositeKey"]
        self._raced(key)
        row = self.metrics.get(key)
        limit = ((args.get("condition") or {}).get("updatedAt") or {}).get("lt")
        if row is None or (limit is not None and not row["updatedAt"] < limit):
            raise ConditionFailedError
        row.update(args["input"])
        return row

    def _raced(self, key: str) -> None:
        if self.before_write is not None:
            self.before_write(key)


class ConditionFailedError(Exception):
    """As DynamoDB says it through AppSync."""


def _shown(error: GraphQLError, _debug: bool = False) -> Row:
    shown = dict(error.formatted)
    if isinstance(error.original_error, ConditionFailedError):
        shown["errorType"] = "DynamoDB:ConditionalCheckFailedException"
        shown["message"] = "The conditional request failed (Service: DynamoDb, Status Code: 400)"
    return shown


def _app(amplify: Amplify) -> Starlette:
    query, mutation = QueryType(), MutationType()
    query.set_field("listAggregatedMetrics", lambda _o, _i, **args: amplify.list(**args))
    query.set_field("getAggregatedMetrics", lambda _o, _i, **args: amplify.get(**args))
    for name in ("listItemByAccountIdAndCreatedAt", "listTaskByAccountIdAndUpdatedAt"):
        query.set_field(name, lambda _o, _i, **args: amplify.items_of(**args))
    mutation.set_field("createAggregatedMetrics", lambda _o, _i, **args: amplify.create(**args))
    mutation.set_field("updateAggregatedMetrics", lambda _o, _i, **args: amplify.update(**args))
    scalars = [ScalarType("AWSDateTime"), ScalarType("AWSJSON")]
    schema = make_executable_schema([SCALARS, sdl(DEFAULT_TYPES)], query, mutation, *scalars)

    async def answer(request: Request) -> Response:
        amplify.keys.append(request.headers.get("x-api-key"))
        asked = await request.json()
        amplify.asked.append(asked)
        if amplify.plan:
            return amplify.plan.pop(0)
        _, found = await graphql(schema, asked, error_formatter=_shown)
        return JSONResponse(found)

    return Starlette(routes=[Route("/graphql", answer, methods=["POST"])])


@contextmanager
def serving_amplify() -> Iterator[Amplify]:
    """Serve it on a free loopback port."""
    amplify = Amplify()
    server = uvicorn.Server(uvicorn.Config(_app(amplify), port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive(), 20, "the server")
        port = server.servers[0].sockets[0].getsockname()[1]
        amplify.url = f"http://127.0.0.1:{port}/graphql"
        yield amplify
    finally:
        server.should_exit = True
        thread.join(20)
