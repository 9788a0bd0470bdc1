"""A file that was put, from its name to what is left of it.

Every step can be done again at any point and leaves the same. The first is to remember that the
file is begun, the last that it is done; the file is removed from where it was put only when a
verified copy lies in the archive.
"""

import logging
from collections.abc import Mapping

from msgspec import Struct

from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.errors import MalformedError, NotFoundError, StorageError, TerminalError
from tallybrook.events.ids import stable_id
from tallybrook.failed.keeping import failed_record
from tallybrook.files import archiving
from tallybrook.files.assessments_in import take_assessments
from tallybrook.files.events_in import take_events
from tallybrook.files.exports import compress
from tallybrook.files.imports_in import take_imports
from tallybrook.files.keeping import begin, by_etag, known_by, save
from tallybrook.files.ocean import gather
from tallybrook.files.opening import Body
from tallybrook.files.places import (
    KEPT,
    OUTPUT,
    SOURCE,
    Kind,
    Place,
    archive_key,
    compressed_key,
    place_of,
)
from tallybrook.files.ports import Ports
from tallybrook.files.shapes import File
from tallybrook.files.working import Job, Work
from tallybrook.ports.clock import Clock

_log = logging.getLogger("tallybrook.files")

_WORK: Mapping[Kind, Work] = {
    "events": take_events,
    "assessments": take_assessments,
    "imports": take_imports,
    "exports": compress,
    "ocean": gather,
}


class Put(Struct, frozen=True):
    """Somebody's word that an object was put. ``etag`` and ``at_us`` are as they were then, "" and
    0 where nothing was said of them."""

    key: str
    etag: str = ""
    at_us: int = 0


def process(put: Put, ports: Ports, clock: Clock) -> File | None:
    """Work off one file; as what it ended, None for what is none of ours.

    The same file again, or one that somebody else finished, changes nothing. Nothing that is
    raised, kept or logged holds the file's name. Raises ``StorageError`` where it has to be called
    again: it goes on where it stopped.
    """
    try:
        place = place_of(put.key)
    except TerminalError as error:
        _keep_failed(error, put, Place("events", DEFAULT_ACCOUNT), ports, clock())
        return None
    if place is None:
        return None
    try:
        return _process(put, place, ports, clock)
    except StorageError as error:
        said = error.detail.replace(put.key, "(the file)")
        raise StorageError(said, error.retry_after_s) from None


def _process(put: Put, place: Place, ports: Ports, clock: Clock) -> File | None:
    head = ports.objects.head(put.key)
    if head is None:
        _gone(put, place, ports, clock())
        return None
    if head.metadata.get("made-by") == OUTPUT["made-by"]:
        return None
    try:
        body = Body(ports.objects, put.key, head.size_bytes)
        held = begin(ports.state, place, put.key, body.digest, head.etag, body.size_bytes, clock())
        if held.file.status == "working":
            _work(Job(ports, place, held, body, again=not held.fresh), clock)
        elif held.file.archived is not None:
            archiving.copy(ports.objects, put.key, held.file.digest, held.file.archived)
    except NotFoundError:
        raise StorageError("the file went while it was read") from None
    if held.file.archived is not None or held.file.output == compressed_key(put.key):
        archiving.remove(ports.objects, put.key, head.etag)
    return held.file


def _work(job: Job, clock: Clock) -> None:
    file = job.file
    try:
        _WORK[job.place.kind](job)
    except MalformedError as error:
        job.broken = error.detail
    file.status = "done"
    if job.broken is not None:
        file.status, file.reason = ("partial" if file.counts.received else "failed"), job.broken
        _keep_file(job)
    if job.place.kind not in KEPT:
        file.archived = archive_key(job.place, file.digest)
        archiving.copy(job.ports.objects, file.key, file.digest, file.archived)
    file.finished_at = clock()
    save(job.ports.state, job.held)
    _log.info(
        "file %s (%s): %s, %d rows = %d accepted + %d duplicate + %d rejected",
        file.file_id, file.kind, file.status, file.counts.received, file.counts.accepted,
        file.counts.duplicate, file.counts.rejected,
    )  # fmt: skip


def _gone(put: Put, place: Place, ports: Ports, now_us: int) -> None:
    """Told of twice, or removed before anybody read it. Who saw it lie there (no etag) saw it go,
    but of what was told of and never read somebody should know."""
    if not put.etag or known_by(ports.state, place.account_id, by_etag(put.key, put.etag)):
        return
    _keep_failed(NotFoundError("the file is gone"), put, place, ports, now_us)


def _keep_failed(error: TerminalError, put: Put, place: Place, ports: Ports, now_us: int) -> None:
    name = stable_id(put.at_us or now_us, SOURCE, put.key, put.etag)
    body = b'{"file":"%s"}' % name.encode()
    record = failed_record(
        error, body, account_id=place.account_id, source=SOURCE, now_us=put.at_us or now_us
    )
    record.failed_id = name
    ports.keep_failed(record)


def _keep_file(job: Job) -> None:
    """The failed record of a file that broke off; its id is the same each time."""
    file, error = job.file, MalformedError(job.broken or "")
    body = b'{"file":"%s"}' % file.file_id.encode()
    record = failed_record(
        error, body, account_id=file.account_id, source=SOURCE, now_us=file.first_at
    )
    record.failed_id = stable_id(file.first_at, SOURCE, file.account_id, file.kind, file.digest)
    record.detail = f"{record.detail}; {file.counts.received} rows before that were read"
    job.ports.keep_failed(record)
