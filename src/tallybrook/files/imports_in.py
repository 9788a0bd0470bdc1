"""Imports: rows are checked, the good ones queued for the log, and about the bad ones there is a
report, a line a row: its number, its line in the file, and what is wrong with it."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from tallybrook.errors import BacklogFullError, TerminalError
from tallybrook.files.event_rows import Chunk, chunks, read_row
from tallybrook.files.events_in import reading_of, reason_of
from tallybrook.files.keeping import file_of
from tallybrook.files.places import OUTPUT, errors_key
from tallybrook.files.shapes import Counts
from tallybrook.files.working import Job

MAX_BACKLOG = 20_000
"""Events that may wait in the queue before an import waits, too."""


class RowError(Struct):
    """A line of the report. ``row`` counts from 1 without a header and blank lines."""

    row: int
    line: int
    reason: str


def take_imports(job: Job) -> None:
    """Queue the good rows. What was imported before, under whatever name, is all duplicate."""
    first = file_of(job.ports.state, job.place.account_id, job.file.first_id)
    if first is not None and first.file_id != job.file.file_id and first.status == "done":
        _repeat(job, first.counts)
        job.file.format, job.file.output = first.format, first.output
        return
    rows = job.rows()
    for chunk in chunks(rows, job.format, reading_of(job), job.file.chunks_done):
        _queue(job, chunk)
    if job.file.counts.rejected:
        job.file.output = errors_key(job.place, job.file.digest)
        job.ports.objects.put(
            job.file.output, _report(job), content_type="application/x-ndjson", metadata=OUTPUT
        )


def _repeat(job: Job, counts: Counts) -> None:
    known = counts.received - counts.rejected
    job.file.counts = Counts(counts.received, 0, known, counts.rejected)


def _queue(job: Job, chunk: Chunk) -> None:
    waiting = job.ports.backlog()
    if waiting > MAX_BACKLOG:
        raise BacklogFullError(f"{waiting} events wait for the log: the import goes on later")
    if chunk.events:
        job.ports.enqueue(chunk.events, chunk.bodies)
    good, bad = len(chunk.events), len(chunk.bad)
    found = Counts(good + bad, good, 0, bad)
    job.count(found, chunk.last_row, chunk.number + 1, chunk.size_bytes)


def _report(job: Job) -> Iterator[bytes]:
    """The rows once more: however many of them are bad, none has to be held."""
    reading = reading_of(job)
    for row in job.every_row():
        try:
            read_row(row, job.format, reading, reading.at_us)
        except TerminalError as error:
            line = RowError(row.number, row.line, reason_of(error))
            yield msgspec.json.encode(line) + b"\n"
