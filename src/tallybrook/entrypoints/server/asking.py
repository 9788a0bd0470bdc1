"""What a request for SQL says: the statement, its parameters and limits, and the form wanted."""

from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from tallybrook.entrypoints.server.bodies import read_body, require_json_type
from tallybrook.entrypoints.server.context import Call
from tallybrook.errors import FieldError, InvalidError
from tallybrook.events.checks import require_json, require_utf8
from tallybrook.ports.sql import MAX_EXPORT_ROWS, MAX_ROWS, Parameter, QueryRequest

MAX_QUERY_BYTES = 256 * 1024
PAGE_ROWS = 10_000
DEFAULT_ROWS = 10_000

Form = Literal["json", "ndjson", "csv", "xlsx", "parquet"]


class Limits(Struct):
    """What both kinds of requests may say beside the question."""

    parameters: dict[str, Parameter] = {}
    max_scanned_bytes: int | None = None
    timeout_s: float | None = None
    limit: int | None = None
    page_rows: int | None = None
    dry_run: bool = False
    wait: bool = True
    format: Form | None = None


Asked = TypeVar("Asked")


class QueryIn(Limits):
    """The body of POST /query; ``query`` is another name for ``sql``. ``next_token`` asks for a
    further page of an answer, and needs no statement."""

    sql: str | None = None
    query: str | None = None
    full_scan: bool = False
    next_token: str | None = None


class RunIn(Limits):
    """The body of POST /queries/{id}/run."""


_QUERY = msgspec.json.Decoder(QueryIn)
_RUN = msgspec.json.Decoder(RunIn)


async def statement(call: Call) -> QueryIn:
    """The body of a request with a statement. Raises ``InvalidError`` and its like."""
    require_json_type(call.request.headers)
    asked = _decoded(await read_body(call.request, MAX_QUERY_BYTES), _QUERY)
    asked.sql = asked.sql or asked.query
    if asked.next_token is None and (not asked.sql or not asked.sql.strip()):
        raise InvalidError.of("/sql", "is required")
    return asked


async def run_of_saved(call: Call) -> RunIn:
    """The body of a request to run a saved query; none at all is every default."""
    body = await read_body(call.request, MAX_QUERY_BYTES)
    if not body.strip():
        return RunIn()
    require_json_type(call.request.headers)
    return _decoded(body, _RUN)


def request_of(call: Call, asked: Limits, sql: str, *, full_scan: bool = False) -> QueryRequest:
    """The question for the engine, within the limits of the settings."""
    settings = call.context.settings
    export = asked.format not in (None, "json")
    most_rows = MAX_EXPORT_ROWS if export else MAX_ROWS
    fallback = DEFAULT_ROWS if asked.format is None else most_rows
    most = asked.limit if asked.limit is not None else fallback
    if not 0 < most <= most_rows:
        raise InvalidError.of("/limit", f"must be from 1 to {most_rows}")
    if asked.page_rows is not None and not 0 < asked.page_rows <= PAGE_ROWS:
        raise InvalidError.of("/page_rows", f"must be from 1 to {PAGE_ROWS}")
    for name, value in (
        ("timeout_s", asked.timeout_s),
        ("max_scanned_bytes", asked.max_scanned_bytes),
    ):
        if value is not None and not 0 < value < 1 << 53:
            raise InvalidError.of(f"/{name}", "must be above 0")
    return QueryRequest(
        account_id=call.account_id,
        sql=sql,
        parameters=asked.parameters,
        max_scanned_bytes=min(
            asked.max_scanned_bytes or settings.query_max_bytes, settings.query_max_bytes
        ),
        timeout_s=min(asked.timeout_s or settings.query_timeout_s, settings.query_timeout_s),
        max_rows=most,
        full_scan=full_scan,
        dry_run=asked.dry_run,
        page_rows=asked.page_rows or PAGE_ROWS,
    )


def _decoded(body: bytes, decoder: "msgspec.json.Decoder[Asked]") -> Asked:
    require_utf8(body)
    require_json(body)
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise InvalidError("the query cannot be read", [FieldError("", str(error))]) from None
