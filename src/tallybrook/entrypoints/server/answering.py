"""Running a statement for a request: as a page, as a stream of pages, or as a file."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import BinaryIO, TypeVar

import msgspec
from starlette.responses import Response, StreamingResponse

from tallybrook.entrypoints.server.asking import PAGE_ROWS, Limits
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.costing import require_budget
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import TallybrookError
from tallybrook.events.instants import format_instant
from tallybrook.ports.sql import (
    Format,
    QueryCancelledError,
    QueryMetadata,
    QueryRequest,
    QueryResult,
)
from tallybrook.sql.history import Past, past_of, record

T = TypeVar("T")

_CHUNK_BYTES = 256 * 1024
_TYPES: dict[Format, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
FILE_TYPES = tuple(kind.partition(";")[0] for kind in _TYPES.values())


async def answer(call: Call, asked: Limits, request: QueryRequest, query_id: str = "") -> Response:
    """Run it, in the form that is asked for; what it took is kept as history. A price alone is no
    query: it takes nothing from the key's rate and is not kept."""
    if not request.dry_run:
        call.principal.take_query()
    form = None if asked.format == "json" or request.dry_run else asked.format
    context = call.context
    await require_budget(context, "exports" if form else "queries")
    context.telemetry.queries += 1
    now = context.clock()
    past = Past(sql=request.sql, query_id=query_id, format=form or "json", submitted_at=now)
    try:
        if form is not None:
            return await _file(call, request, form, past)
        if not asked.wait and not request.dry_run:
            return await _begun(call, request, past)
        result = await unless_gone(call, context.sql.run(request))
    except TallybrookError as error:
        context.telemetry.queries_refused += 1
        if not request.dry_run:
            await _note(call, past, error=error)
        raise
    past.execution_id = result.execution_id
    if not request.dry_run:
        await _note(call, past, result.metadata)
    whole = asked.format == "json" and asked.page_rows is None
    return _whole(call, result) if whole else json_response(result)


async def unless_gone(call: Call, work: Awaitable[T]) -> T:
    """Do the work; a client that goes away takes it along."""
    running = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(call))
    try:
        await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            raise QueryCancelledError("the client went away")
        return running.result()
    finally:
        for task in (running, leaving):
            task.cancel()


async def _gone(call: Call) -> None:
    while (await call.request.receive())["type"] != "http.disconnect":
        pass


async def _begun(call: Call, request: QueryRequest, past: Past) -> Response:
    """202 with the execution; its end is noted when it comes."""
    engine = call.context.sql
    execution_id = past.execution_id = await engine.submit(request)

    async def follow() -> None:
        try:
            page = await engine.page(call.account_id, execution_id, None, 1)
        except TallybrookError as error:
            await _note(call, past, error=error)
        else:
            await _note(call, past, page.metadata)

    task = asyncio.get_running_loop().create_task(follow())
    _following.add(task)
    task.add_done_callback(_following.discard)
    shown = past_of(await engine.status(call.account_id, execution_id), past)
    return json_response(shown.shown(), 202)


_following: set["asyncio.Task[None]"] = set()


async def _file(call: Call, request: QueryRequest, form: Format, past: Past) -> Response:
    """The whole answer as a file. It has no name any more when its first byte is sent, so that
    nothing is left of it whatever happens then."""
    settings = call.context.settings
    on_aws = settings.backend == "aws"
    scratch = Path(gettempdir()) if on_aws else settings.data_path / "answers"
    await asyncio.to_thread(scratch.mkdir, parents=True, exist_ok=True, mode=0o700)
    folder = Path(await asyncio.to_thread(mkdtemp, dir=scratch))
    path = folder / f"answer.{form}"
    try:
        metadata = await unless_gone(call, call.context.sql.export(request, form, path))
        file = await asyncio.to_thread(path.open, "rb")
    finally:
        await asyncio.to_thread(_remove, path, folder)
    await _note(call, past, metadata)
    name = f"{past.query_id or 'answer'}-{format_instant(past.submitted_at)[:10]}.{form}"
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "content-length": str(os.fstat(file.fileno()).st_size),
        "x-tallybrook-metadata": msgspec.json.encode(_said(metadata)).decode("ascii", "replace"),
    }
    return StreamingResponse(_chunks(file), media_type=_TYPES[form], headers=headers)


def _said(metadata: QueryMetadata) -> dict[str, object]:
    names = ("rows", "truncated", "scanned_bytes", "estimated_usd", "execution_ms")
    return {name: getattr(metadata, name) for name in names}


def _remove(path: Path, folder: Path) -> None:
    path.unlink(missing_ok=True)
    folder.rmdir()


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
    finally:
        file.close()


def _whole(call: Call, result: QueryResult) -> Response:
    """All pages of an answer as one JSON document, a page at a time in memory."""

    async def parts() -> AsyncIterator[bytes]:
        head = {"execution_id": result.execution_id, "columns": result.columns}
        yield msgspec.json.encode(head)[:-1] + b',"rows":['
        page, between = result, b""
        while True:
            rows = msgspec.json.encode(page.rows)[1:-1]
            yield between + rows if rows else b""
            between = b"," if rows else between
            token = page.metadata.next_token
            if token is None:
                break
            engine, account_id = call.context.sql, call.account_id
            page = await engine.page(account_id, result.execution_id, token, PAGE_ROWS)
        yield b'],"metadata":' + msgspec.json.encode(page.metadata) + b"}"

    return StreamingResponse(parts(), media_type="application/json")


async def _note(
    call: Call,
    past: Past,
    metadata: QueryMetadata | None = None,
    error: TallybrookError | None = None,
) -> None:
    """Keep what an execution took, for the history and for the costs."""
    context, account_id = call.context, call.account_id
    if context.metering is not None and error is not None:
        context.metering.failed_query(account_id)
    elif context.metering is not None and metadata is not None and not metadata.from_cache:
        context.metering.query(account_id, metadata.scanned_bytes)
    past.ended(context.clock(), metadata, error)
    await context.read(record, context.stores.works().state, account_id, past)
