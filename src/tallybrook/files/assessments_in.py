"""Files of raw assessments: each row is stored as a single one, and its task queued."""

from tallybrook.errors import InvalidError, TerminalError
from tallybrook.files.rows import Row
from tallybrook.files.shapes import Counts
from tallybrook.files.working import Job

CHUNK_ROWS = 100


def take_assessments(job: Job) -> None:
    """Store the rows. A task is sent before its row counts, once more after a crash: whoever works
    it off knows what is done."""
    found, tasks, last, size_bytes = Counts(), list[str](), 0, 0
    for row in job.rows():
        _take(job, row, found, tasks)
        last, size_bytes = row.number, size_bytes + len(row.raw)
        if found.received == CHUNK_ROWS:
            _settle(job, found, tasks, last, size_bytes)
            found, tasks, size_bytes = Counts(), [], 0
    if found.received:
        _settle(job, found, tasks, last, size_bytes)


def _settle(job: Job, found: Counts, tasks: list[str], last: int, size_bytes: int) -> None:
    if tasks:
        job.ports.assessments().send(tasks)
    job.count(found, last, 0, size_bytes)


def _take(job: Job, row: Row, found: Counts, tasks: list[str]) -> None:
    rows, account_id, failed_id = job.ports.assessments(), job.place.account_id, job.failed_id(row)
    found.received += 1
    body = row.raw
    try:
        if row.fields is None:
            raise InvalidError(row.error)
        if job.format == "csv":
            body = job.ports.from_columns(row.fields)
        known, task = rows.take(body, account_id, f"{job.file.file_id}-{row.number}", job.again)
    except TerminalError as error:
        found.rejected += 1
        record = rows.refuse(error, body, account_id, failed_id, job.file.first_at)
        record.detail = f"row {row.number} (line {row.line}): {record.detail}"
        job.ports.keep_failed(record)
        return
    if not known or job.again:
        tasks.append(task)
    found.duplicate += known
    found.accepted += not known
