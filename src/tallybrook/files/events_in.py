"""Files of events: into the log, bad rows into failed records."""

from collections import deque

from tallybrook.errors import TerminalError
from tallybrook.failed.keeping import failed_record
from tallybrook.files.event_rows import Bad, Chunk, Reading, chunks
from tallybrook.files.shapes import Counts
from tallybrook.files.working import Job
from tallybrook.files.writing import Handed, Settle

SOURCE = "s3"
"""Of failed records of rows: they are replayed as what came by S3 always was."""


def take_events(job: Job) -> None:
    """Write the rows; some chunks are on their way at once, and counted in their order."""
    waiting: deque[tuple[Chunk, Settle]] = deque()
    rows = job.rows()
    for chunk in chunks(rows, job.format, reading_of(job), job.file.chunks_done):
        for bad in chunk.bad:
            _keep(job, bad)
        handed = Handed(job.file.file_id, chunk.number, job.again, chunk.events)
        waiting.append((chunk, job.ports.sink.send(handed)))
        if len(waiting) > job.ports.sink.ahead:
            _settle(job, *waiting.popleft())
    while waiting:
        _settle(job, *waiting.popleft())


def reading_of(job: Job) -> Reading:
    return Reading(job.place.account_id, job.file.digest, job.file.started_at, job.ports.keep_ip)


def _settle(job: Job, chunk: Chunk, settle: Settle) -> None:
    known, bad = settle(), len(chunk.bad)
    new = len(chunk.events) - known
    job.count(
        Counts(new + known + bad, new, known, bad), chunk.last_row, chunk.number + 1,
        chunk.size_bytes,
    )  # fmt: skip


def _keep(job: Job, bad: Bad) -> None:
    record = failed_record(
        bad.error, bad.row.raw, account_id=job.place.account_id, source=SOURCE,
        now_us=job.file.first_at,
    )  # fmt: skip
    record.failed_id = job.failed_id(bad.row)
    record.detail = f"{where(bad)}: {record.detail}"
    job.ports.keep_failed(record)


def where(bad: Bad) -> str:
    return f"row {bad.row.number} (line {bad.row.line})"


def reason_of(error: TerminalError) -> str:
    """Why, with the fields at fault."""
    faults = "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in error.errors)
    return faults or error.detail
