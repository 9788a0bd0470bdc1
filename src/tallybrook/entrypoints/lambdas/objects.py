"""Objects that S3 tells of: files in the stack's own bucket are worked off, and those of events in
other buckets are read as they lie there, streamed row by row."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from io import BufferedReader
from math import inf
from typing import Any

import msgspec
from msgspec import Raw

from tallybrook.entrypoints.lambdas.identity import Origin
from tallybrook.entrypoints.lambdas.messages import Item, Reading, read_item, rejected
from tallybrook.entrypoints.lambdas.notifications import SOURCE, ObjectRef
from tallybrook.entrypoints.lambdas.runtime import Opened, log
from tallybrook.errors import (
    InvalidError,
    NotFoundError,
    RetryableError,
    StorageError,
    TerminalError,
)
from tallybrook.events.ids import content_id
from tallybrook.events.instants import to_us
from tallybrook.files.mapping import Plan, plan, to_event
from tallybrook.files.reader import read_rows
from tallybrook.files.rows import Fields, Row, row_id
from tallybrook.files.source import Source, peek, sniff, unpacked
from tallybrook.ports.aws.clients import client, error_code, translated
from tallybrook.wiring import open_state
from tallybrook.wiring.files import aws_file_ports

EVENTS_PREFIX = "raw/events/"
_BLOCK_BYTES = 256 * 1024
_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404"})


def work_off(
    refs: Sequence[ObjectRef], opened: Opened, remaining_s: Callable[[], float] = lambda: inf
) -> None:
    """Work off files in the stack's own bucket. Each gets its turn; raises ``StorageError`` where
    one of them has to be told of again."""
    from tallybrook.files.processing import Put, process

    again = 0
    state = open_state(opened.settings, opened.clock)
    ports = aws_file_ports(opened.settings, opened.log, opened.stores, state, remaining_s)
    for ref in refs:
        try:
            process(Put(ref.key, ref.etag, ref.at_us), ports, opened.clock)
        except RetryableError as error:
            log.warning("a file is not done: %s", error.detail)
            again += 1
    if again:
        raise StorageError(f"{again} of {len(refs)} files are not done")


def object_items(ref: ObjectRef, opened: Opened) -> Iterator[Item]:
    """The rows of an object under ``raw/events/``, in order; memory does not grow with it.

    A row is named by bucket, key, version (the entity tag where there is none) and its place, so
    that an object told of twice counts once. Rows that cannot be read are failed records that
    name it; so is an object that is gone or broken. Raises ``StorageError`` while S3 is away.
    Objects elsewhere are none of ours: a line in the log.
    """
    if not ref.key.startswith(EVENTS_PREFIX):
        log.info("ignored: an object of %s that is not under %s", ref.bucket, EVENTS_PREFIX)
        return
    reading = Reading(opened.now_us(), opened.settings.keep_ip)
    origin = Origin(SOURCE, (ref.bucket, ref.key, ref.version or ref.etag), ref.at_us)
    # By a name of ours: the object's may be somebody's address.
    place = f"object {content_id(*origin.identity)} of {ref.bucket}"
    try:
        with translated(f"reading {place}"):
            answer = _get(ref)
            found = ref.version or str(answer["ETag"]).strip('"')
            origin = Origin(SOURCE, (ref.bucket, ref.key, found), to_us(answer["LastModified"]))
            with closing(answer["Body"]) as body:
                yield from _rows(_source(body), origin, place, reading)
    except TerminalError as error:
        told = msgspec.json.encode({"bucket": ref.bucket, "object": content_id(*origin.identity)})
        yield rejected(error, told, origin, reading, part_name="file", place=f"{place}: ")


def _get(ref: ObjectRef) -> Any:
    """The object as it is now, or the version that was named; its tag says what is really read."""
    s3 = client("s3")
    version = {"VersionId": ref.version} if ref.version else {}
    try:
        return s3.get_object(Bucket=ref.bucket, Key=ref.key, **version)
    except s3.exceptions.ClientError as error:
        if error_code(error) in _ABSENT:
            raise NotFoundError("the object is gone") from error
        raise


def _source(body: Any) -> Source:
    return unpacked("the file", BufferedReader(body, _BLOCK_BYTES))


def _rows(source: Source, origin: Origin, place: str, reading: Reading) -> Iterator[Item]:
    fmt = sniff(peek(source.stream))
    wanted = plan((), (), table=fmt == "csv")
    name = content_id(*origin.identity)
    for row in read_rows(source, fmt):
        yield _item(row, wanted, origin, name, place, reading)


def _item(row: Row, wanted: Plan, origin: Origin, name: str, place: str, reading: Reading) -> Item:
    place = f"{place}, row {row.number} (line {row.line}): "
    if row.fields is None:
        error = InvalidError(row.error)
        return rejected(error, row.raw, origin, reading, part_name=row.number, place=place)
    return read_item(
        msgspec.json.encode(_event(wanted, row.fields)),
        origin,
        reading,
        part_name=row.number,
        event_id=row_id(row, name),
        place=place,
    )


def _event(wanted: Plan, fields: Fields) -> Fields:
    """The row as an event; its account is no property of it, and an empty cell names none."""
    if "account_id" not in fields or not wanted.table:
        return to_event(wanted, fields)
    rest = {name: raw for name, raw in fields.items() if name != "account_id"}
    account = bytes(fields["account_id"]).decode().strip('"')
    return to_event(wanted, rest) | (
        {"account_id": Raw(msgspec.json.encode(account))} if account else {}
    )
