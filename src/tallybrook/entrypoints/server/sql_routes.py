"""The routes of SQL, saved queries and executions, as data."""

from tallybrook.entrypoints.server import saved, statements, tables
from tallybrook.entrypoints.server import schemas as s
from tallybrook.entrypoints.server.answering import FILE_TYPES
from tallybrook.entrypoints.server.route import JSON, Param, Route
from tallybrook.ports.sql import QueryResult
from tallybrook.sql.history import ShownExecution
from tallybrook.sql.kept import Kept

_QUERY_ERRORS = (400, 402, 404, 408, 409, 413, 415, 422)

SQL_ROUTES: tuple[Route, ...] = (
    Route(
        method="GET", path="/tables", handler=tables.tables,
        summary="The tables that SQL can ask, with their columns", tag="SQL", scope="query",
        reply=tables.TableList,
    ),
    *(
        Route(
            method="POST", path=path, handler=statements.query,
            summary="One read-only SQL statement over the account's tables", tag="SQL",
            scope="query", body={JSON: s.QUERY}, reply=QueryResult, files=FILE_TYPES,
            begun=ShownExecution, errors=_QUERY_ERRORS,
        )
        for path in ("/query", "/api/analytics/query")
    ),
    Route(
        method="GET", path="/queries", handler=saved.queries, summary="All saved queries",
        tag="SQL", scope="query", reply=saved.QueryList,
    ),
    Route(
        method="GET", path="/queries/{id}", handler=saved.query,
        summary="A saved query: its statement, parameters and columns", tag="SQL",
        scope="query", path_schemas={"id": s.IDENTIFIER}, reply=saved.ShownQuery, errors=(404,),
    ),
    Route(
        method="GET", path="/queries/{id}/result", handler=saved.refreshed,
        summary="The answer that the clock made last, with the default parameters", tag="SQL",
        scope="query", path_schemas={"id": s.IDENTIFIER}, reply=Kept, errors=(404,),
    ),
    Route(
        method="POST", path="/queries/{id}/run", handler=saved.run, summary="Run a saved query",
        tag="SQL", scope="query", path_schemas={"id": s.IDENTIFIER}, body={JSON: s.RUN_QUERY},
        body_required=False, reply=QueryResult, files=FILE_TYPES, begun=ShownExecution,
        errors=_QUERY_ERRORS,
    ),
    Route(
        method="GET", path="/executions", handler=statements.executions,
        summary="What was asked and what it took, newest first, for 90 days", tag="SQL",
        scope="query", reply=statements.ExecutionList, errors=(422,),
        query=(
            Param("limit", s.LIMIT, "How many at most"),
            Param("cursor", s.CURSOR, "`next_cursor` of the page before"),
        ),
    ),
    Route(
        method="GET", path="/executions/{id}", handler=statements.execution,
        summary="How an execution stands, or how it ended", tag="SQL", scope="query",
        path_schemas={"id": s.IDENTIFIER}, reply=ShownExecution, errors=(404,),
    ),
    Route(
        method="GET", path="/executions/{id}/results", handler=statements.results,
        summary="A page of an answer; waits for an execution that runs", tag="SQL",
        scope="query", path_schemas={"id": s.IDENTIFIER}, reply=QueryResult,
        errors=(400, 404, 408, 409, 422),
        query=(
            Param("next_token", s.TEXT, "`next_token` of the page before"),
            Param("page_rows", {**s.LIMIT, "maximum": 10_000}, "Rows of a page"),
        ),
    ),
    Route(
        method="DELETE", path="/executions/{id}", handler=statements.cancel,
        summary="Stop an execution", tag="SQL", scope="query",
        path_schemas={"id": s.IDENTIFIER}, reply=statements.Cancelled, errors=(404,),
    ),
)  # fmt: skip
