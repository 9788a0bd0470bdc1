"""The schema with its resolvers, executed by ariadne."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ariadne import MutationType, QueryType, ScalarType, graphql, make_executable_schema
from graphql import DocumentNode, GraphQLError, GraphQLResolveInfo, GraphQLSchema, parse
from msgspec import Struct

from tallybrook.errors import TallybrookError, TerminalError
from tallybrook.graphql.limits import MAX_TOKENS, require_bounded
from tallybrook.graphql.ports import Operation, Ports, Resolver
from tallybrook.graphql.resolvers import error_type, resolvers
from tallybrook.graphql.sdl import SCALARS, sdl

_faults = logging.getLogger("tallybrook.graphql.faults")


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether an error is a fault of ours: ariadne logs what callers did wrong as well."""
    error = record.exc_info[1] if record.exc_info else None
    cause = error.original_error if isinstance(error, GraphQLError) else error
    return cause is not None and not isinstance(cause, TerminalError)


_faults.addFilter(_is_ours)

Run = Callable[..., Awaitable[Any]]
"""Calls a blocking function beside the event loop: ``await run(function, *args)``."""


class Caller(Struct):
    """Who asks, and what answers."""

    ports: Ports
    account_id: str
    run: Run


def executable(record_types: Iterable[str]) -> GraphQLSchema:
    """The schema of these record types, ready to be executed for a ``Caller``."""
    types = list(record_types)
    roots = {"Query": QueryType(), "Mutation": MutationType()}
    for field, (operation, resolver) in resolvers(types).items():
        roots[operation].set_field(field, _bound(operation, resolver))
    scalars = [ScalarType(name) for name in ("AWSDateTime", "AWSJSON")]
    return make_executable_schema([SCALARS, sdl(types)], *roots.values(), *scalars)


def _bound(_operation: Operation, resolver: Resolver) -> Any:
    async def resolve(_root: object, info: GraphQLResolveInfo, **args: Any) -> Any:
        caller: Caller = info.context
        return await caller.run(resolver, caller.ports, caller.account_id, args)

    return resolve


def parsed(query: str) -> DocumentNode:
    """The document of a query's text, within bounds.

    Raises ``graphql.GraphQLError`` when it cannot be read, ``InvalidError`` when it is too much.
    """
    try:
        document = parse(query, max_tokens=MAX_TOKENS)
    except RecursionError:
        raise GraphQLError("the query is nested too deeply") from None
    require_bounded(document)
    return document


async def execute(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: dict[str, Any] | None,
    operation_name: str | None,
    caller: Caller,
) -> dict[str, Any]:
    """The response: ``data``, ``errors`` or both. Without ``data`` it was not executed."""
    request = {"query": "-", "variables": variables, "operationName": operation_name}
    _, answer = await graphql(
        schema, request, context_value=caller, query_document=document,
        error_formatter=formatted, logger=_faults,
    )  # fmt: skip
    found: dict[str, Any] = answer
    return found


def formatted(error: GraphQLError, _debug: bool = False) -> dict[str, Any]:
    """An error as AppSync shows it, and the same in ``extensions``; no fault of ours is shown."""
    shown: dict[str, Any] = dict(error.formatted)
    cause = error.original_error
    if cause is None:
        return shown
    known = cause if isinstance(cause, TallybrookError) else TallybrookError("internal error")
    shown["message"] = known.detail
    shown["errorType"] = error_type(known)
    shown["extensions"] = {
        "code": known.slug,
        "errorType": error_type(known),
        "errors": [{"pointer": fault.pointer, "detail": fault.detail} for fault in known.errors],
    }
    return shown
