"""The work behind ``tallybrook ingest``: read, map, pack, post, add up."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.entrypoints.cli.api import Api, RefusedError, problem_text
from tallybrook.entrypoints.cli.output import note
from tallybrook.entrypoints.cli.progress import Progress
from tallybrook.entrypoints.cli.rejects import Rejects
from tallybrook.errors import TallybrookError, UsageError
from tallybrook.files.mapping import Plan, check_columns, has_id, plan, to_event
from tallybrook.files.reader import read_rows
from tallybrook.files.rows import Row, row_id
from tallybrook.files.source import Format, Source, detect, open_source

MAX_BATCH_EVENTS = 500
MAX_BATCH_BYTES = 4_000_000
_SPLIT_ON = frozenset({400, 413, 422})
_encode = msgspec.json.encode


class Job(Struct, frozen=True):
    """What the command line asked for."""

    file: str
    url: str
    key: str | None
    fmt: Format | None
    maps: list[str]
    sets: list[str]
    batch: int
    source: str
    text: bool
    rejects: Path | None
    patience_s: float


class Totals(Struct):
    """received = accepted + duplicate + rejected, at any moment between two batches."""

    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0


class Item(Struct, frozen=True):
    """A row and the event it became, encoded."""

    row: Row
    body: bytes


def run(job: Job) -> int:
    """Send the file; the exit code is 1 when a row was rejected or the file broke off."""
    if not 1 <= job.batch <= MAX_BATCH_EVENTS:
        raise UsageError(f"--batch {job.batch}: 1 to {MAX_BATCH_EVENTS}")
    source = open_source(job.file)
    fmt = job.fmt or detect(source)
    wanted = plan(job.maps, job.sets, table=fmt == "csv")
    totals = Totals()
    with ExitStack() as stack:
        api = stack.enter_context(Api(job.url, job.key, job.patience_s))
        rejects = stack.enter_context(Rejects(job.rejects))
        progress = stack.enter_context(Progress(source.size_bytes))
        try:
            _send_all(job, source, fmt, wanted, api, totals, rejects, progress)
        finally:
            progress.stop()
            rejects.finish()
            note(summary(totals))
    return 1 if totals.rejected else 0


def summary(totals: Totals) -> str:
    """The closing line; its numbers add up."""
    return (
        f"{totals.received} received = {totals.accepted} accepted"
        f" + {totals.duplicate} duplicate + {totals.rejected} rejected"
    )


def _send_all(
    job: Job, source: Source, fmt: Format, wanted: Plan,
    api: Api, totals: Totals, rejects: Rejects, progress: Progress,
) -> None:  # fmt: skip
    rows = read_rows(source, fmt, numbers=not job.text)
    for batch in _batches(_items(rows, wanted, job.source, totals, rejects), job.batch):
        _post(api, batch, totals, rejects)
        progress.show(source.outer, totals.received, totals.rejected)


def _items(
    rows: Iterator[Row], wanted: Plan, source: str, totals: Totals, rejects: Rejects
) -> Iterator[Item]:
    """The rows that can be sent; the others are counted and kept as rejects."""
    for row in rows:
        if row.fields is None:
            totals.received += 1
            _reject(row, row.error, totals, rejects)
            continue
        if row.number == 1 and wanted.table:
            check_columns(wanted, row.fields)
        event = to_event(wanted, row.fields)
        if not has_id(event):
            event["event_id"] = msgspec.Raw(_encode(row_id(row, source)))
        yield Item(row, _encode(event))


def _batches(items: Iterator[Item], most: int) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size_bytes = 0
    for item in items:
        if batch and (len(batch) >= most or size_bytes + len(item.body) > MAX_BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(item)
        size_bytes += len(item.body) + 1
    if batch:
        yield batch


def _post(api: Api, batch: list[Item], totals: Totals, rejects: Rejects) -> None:
    """Post a batch. One that is refused whole is halved until the row at fault stands alone."""
    body = b"\n".join(item.body for item in batch)
    try:
        answer = api.post("/events/batch", body, "application/x-ndjson")
    except RefusedError as error:
        if error.status not in _SPLIT_ON:
            raise
        if len(batch) == 1:
            totals.received += 1
            _reject(batch[0].row, error.detail, totals, rejects)
            return
        half = len(batch) // 2
        _post(api, batch[:half], totals, rejects)
        _post(api, batch[half:], totals, rejects)
        return
    _add_up(answer, batch, totals, rejects)


def _add_up(answer: Any, batch: list[Item], totals: Totals, rejects: Rejects) -> None:
    results = answer["results"]
    if len(results) != len(batch):
        raise TallybrookError(f"{len(batch)} rows were sent and {len(results)} were answered for")
    for result in results:
        totals.received += 1
        status = result["status"]
        if status == "accepted":
            totals.accepted += 1
        elif status == "duplicate":
            totals.duplicate += 1
        else:
            _reject(batch[result["index"]].row, _why(result.get("error")), totals, rejects)


def _reject(row: Row, reason: str, totals: Totals, rejects: Rejects) -> None:
    totals.rejected += 1
    rejects.add(row, reason)


def _why(error: Any) -> str:
    return problem_text(msgspec.json.encode(error)) if error else "rejected without a reason"
