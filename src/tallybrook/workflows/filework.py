"""The steps of a run over an uploaded file, from its rows to events in the log.

Events get ids of their row's place and content and of the file's own (``files.rows.row_id``), and
take the run's beginning for their arrival: a step that is done again makes the same bytes.
"""

import gzip
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from io import BufferedReader
from typing import Any, cast

import msgspec

from tallybrook.errors import (
    ConflictError,
    InvalidError,
    MalformedError,
    NotFoundError,
    TallybrookError,
)
from tallybrook.events.ids import content_id
from tallybrook.events.instants import HOUR_US, format_instant
from tallybrook.events.model import Event
from tallybrook.events.reading import read_event
from tallybrook.failed.keeping import failed_record
from tallybrook.files.mapping import has_id, plan, to_event
from tallybrook.files.reader import read_rows
from tallybrook.files.rows import Row, row_id
from tallybrook.files.source import Format, Source, detect, peek
from tallybrook.workflows.advancing import SUCCEEDED, Work, notice
from tallybrook.workflows.runs import Run
from tallybrook.workflows.staging import (
    EVENTS,
    REJECTED,
    blocks,
    clear,
    lines,
    opened,
    place,
    staged_events,
)

BATCH = 500
MAX_SERIES = 200
_BOM = b"\xef\xbb\xbf"
_encode = msgspec.json.encode


class Rejected(msgspec.Struct):
    """A row that is no event."""

    number: int
    line: int
    error: str
    body: str


def validate(run: Run, work: Work) -> dict[str, Any]:
    """The file is there, is the one that was meant, and can be read to its end."""
    head = work.objects.head(run.input["key"])
    if head is None:
        raise NotFoundError(f"{run.input['key']} is not there")
    meant = run.input.get("etag")
    if meant and meant != head.etag:
        raise ConflictError(f"{run.input['key']} was replaced meanwhile")
    rows = bad = 0
    fmt, found = _rows(run, work)
    for row in found:
        rows += 1
        bad += row.fields is None
    if not rows:
        raise MalformedError(f"{run.input['key']} has no rows")
    size = head.size_bytes
    return {"format": fmt, "rows": rows, "unreadable": bad, "size_bytes": size, "etag": head.etag}


def transform(run: Run, work: Work) -> dict[str, Any]:
    """Rows become events, and those that cannot be are kept with their reason."""
    rejected: list[bytes] = []
    count = Counter[str]()

    def parts() -> Iterator[bytes]:
        for made in _events(run, work):
            if isinstance(made, Event):
                count["events"] += 1
                yield _encode(made) + b"\n"
            else:
                rejected.append(_encode(made) + b"\n")

    work.objects.put(place(run.run_id, EVENTS), blocks(parts()))
    work.objects.put(place(run.run_id, REJECTED), b"".join(rejected))
    read = run.output("validate")["rows"]
    if count["events"] + len(rejected) != read:
        raise ConflictError(f"{read} rows were validated, and others are there now")
    return {"events": count["events"], "rejected": len(rejected)}


def aggregate(run: Run, work: Work) -> dict[str, Any]:
    """What the file adds to which series and hours, before anything is stored."""
    series, hours = Counter[str](), Counter[int]()
    for batch in staged_events(work.objects, run.run_id, BATCH):
        for event in batch:
            series[event.event_type] += 1
            hours[event.timestamp // HOUR_US] += 1
    if series.total() != run.output("transform")["events"]:
        raise ConflictError("the staged events are not those that were transformed")
    return {
        "series": dict(series.most_common(MAX_SERIES)),
        "hours": len(hours),
        "first_hour": format_instant(min(hours) * HOUR_US) if hours else None,
        "last_hour": format_instant(max(hours) * HOUR_US) if hours else None,
    }


def store(run: Run, work: Work) -> dict[str, Any]:
    """The events into the log, the rest into the failed records; twice is once."""
    stored = 0
    for batch in staged_events(work.objects, run.run_id, BATCH):
        work.append(batch)
        stored += len(batch)
    rejected = 0
    for line in lines(work.objects, place(run.run_id, REJECTED)):
        _keep(run, work, msgspec.json.decode(line, type=Rejected))
        rejected += 1
    return {"stored": stored, "rejected": rejected}


def notify(run: Run, work: Work) -> dict[str, Any]:
    """The counts add up, and those who wait are told."""
    stored, rows = run.output("store"), run.output("validate")["rows"]
    if stored["stored"] + stored["rejected"] != rows:
        raise ConflictError(f"{rows} rows came in, {stored} went out")
    data = {"run_id": run.run_id, "kind": run.kind, "key": run.input["key"], "rows": rows, **stored}
    work.bus.publish([notice(run, SUCCEEDED, data, work.clock())])
    clear(work.objects, run.run_id)
    return {"told": SUCCEEDED}


def _rows(run: Run, work: Work) -> tuple[Format, Iterator[Row]]:
    key = run.input["key"]
    outer = opened(work.objects, key)
    stream = outer
    if outer.peek(2)[:2] == b"\x1f\x8b":
        stream = BufferedReader(cast("Any", gzip.GzipFile(fileobj=outer)))
    head = peek(stream)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise MalformedError("the file is UTF-16; convert it to UTF-8 first")
    if head.startswith(_BOM):
        stream.read(len(_BOM))
    source = Source(key, stream, outer, None)
    fmt = detect(source)

    def rows() -> Iterator[Row]:
        with closing(outer):
            yield from read_rows(source, fmt)

    return fmt, rows()


def _events(run: Run, work: Work) -> Iterator[Event | Rejected]:
    fmt, found = _rows(run, work)
    wanted = plan((), (), table=fmt == "csv")
    name = content_id(run.input["key"], run.output("validate")["etag"])
    for row in found:
        try:
            if row.fields is None:
                raise InvalidError(row.error)
            fields = to_event(wanted, row.fields)
            if not has_id(fields):
                fields = {"event_id": msgspec.Raw(_encode(row_id(row, name))), **fields}
            yield read_event(_encode(fields), run.account_id, run.created_at, keep_ip=work.keep_ip)
        except TallybrookError as error:
            faults = "; ".join(f"{f.pointer or '/'}: {f.detail}" for f in error.errors)
            text = row.raw.decode("utf-8", "replace")
            yield Rejected(row.number, row.line, faults or error.detail, text)


def _keep(run: Run, work: Work, bad: Rejected) -> None:
    error = InvalidError(f"{run.input['key']}, row {bad.number} (line {bad.line}): {bad.error}")
    record = failed_record(
        error, bad.body.encode(), account_id=run.account_id, source="files", now_us=run.created_at
    )
    record.failed_id = f"{run.run_id}-{bad.number}"
    work.keep_failed(record)
