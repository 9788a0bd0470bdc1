"""Files of scores: what they come to, as one document."""

from tallybrook.errors import InvalidError, TerminalError
from tallybrook.failed.keeping import failed_record
from tallybrook.files.places import OUTPUT, SOURCE, insights_key
from tallybrook.files.rows import Row
from tallybrook.files.shapes import Counts
from tallybrook.files.working import Job


def gather(job: Job) -> None:
    """Read all scores and put the insights. A row that is none is a failed record without its
    content, which is about a person; a person's second score is a duplicate."""
    gathering = job.ports.gathering()
    # Nothing of it is durable before the end, so it always begins at the beginning.
    job.file.rows_done, job.file.counts = 0, Counts()
    found = Counts()
    for row in job.rows():
        found.received += 1
        try:
            if row.fields is None:
                raise InvalidError(row.error)
            new = gathering.add(row.fields)
        except TerminalError as error:
            found.rejected += 1
            _keep(job, row, error)
            continue
        found.accepted += new
        found.duplicate += not new
    job.file.output = insights_key(job.place, job.file.digest)
    job.ports.objects.put(
        job.file.output, gathering.finish(), content_type="application/json", metadata=OUTPUT
    )
    job.file.counts = found


def _keep(job: Job, row: Row, error: TerminalError) -> None:
    body = b'{"file":"%s","row":%d}' % (job.file.file_id.encode(), row.number)
    record = failed_record(
        error, body, account_id=job.place.account_id, source=SOURCE, now_us=job.file.first_at
    )
    record.failed_id = job.failed_id(row)
    record.detail = f"row {row.number} (line {row.line}): {record.detail}"
    job.ports.keep_failed(record)
