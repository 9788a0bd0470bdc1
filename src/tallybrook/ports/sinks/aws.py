"""Kinesis and Firehose: events as Pinpoint's event streams wrote them, one a record.

What a call takes (500 records; 5 MB with their keys and 1 MB a record for Kinesis, 4 MB and
1 000 KB for Firehose) is kept to. Records that the service did not take are put again, with
growing pauses; when it goes on refusing, all of the batch is tried again later.

Kinesis stores the records of one call in their order unless one of them fails. So that a failure
never lets a later record of the same key overtake, a call holds one record of a key at most, and
the next of that key goes with a later call.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from tallybrook.errors import StorageError
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import back_off
from tallybrook.ports.sinks import Item, Refusal
from tallybrook.ports.sinks.encoding import stream_record

MAX_RECORDS = 500
_ROUNDS = 6
_KIB, _MIB = 1 << 10, 1 << 20


class _Record(Struct):
    index: int
    key: str
    data: bytes


class _Limits(Struct, frozen=True):
    call_bytes: int
    record_bytes: int


_KINESIS = _Limits(5 * _MIB, _MIB)
_FIREHOSE = _Limits(4 * _MIB, 1000 * _KIB)

Put = Callable[[Sequence[_Record]], list[str]]
"""Puts the records of one call; an error code for each, empty where it was taken."""


class KinesisSink:
    """``ports.sinks.Sink`` over a data stream; the partition key is the order key."""

    def __init__(self, stream: str, service: Any = None) -> None:
        self._stream = stream
        self._service = service or client("kinesis")

    def send(self, items: Sequence[Item]) -> list[Refusal]:
        records, refusals = _records(items, _KINESIS, b"")
        for wave in _waves(records):
            for call in _calls(wave, _KINESIS.call_bytes):
                _put_all(call, self._put, self._stream)
        return refusals

    def close(self) -> None:
        """The client is the process's."""

    def _put(self, records: Sequence[_Record]) -> list[str]:
        entries = [{"Data": record.data, "PartitionKey": record.key} for record in records]
        with translated(f"put records into {self._stream}"):
            answer = self._service.put_records(StreamName=self._stream, Records=entries)
        return [str(record.get("ErrorCode") or "") for record in answer["Records"]]


class FirehoseSink:
    """``ports.sinks.Sink`` over a delivery stream; a record ends with a line feed."""

    def __init__(self, stream: str, service: Any = None) -> None:
        self._stream = stream
        self._service = service or client("firehose")

    def send(self, items: Sequence[Item]) -> list[Refusal]:
        records, refusals = _records(items, _FIREHOSE, b"\n")
        for call in _calls(records, _FIREHOSE.call_bytes):
            _put_all(call, self._put, self._stream)
        return refusals

    def close(self) -> None:
        """The client is the process's."""

    def _put(self, records: Sequence[_Record]) -> list[str]:
        entries = [{"Data": record.data} for record in records]
        with translated(f"put records into {self._stream}"):
            answer = self._service.put_record_batch(
                DeliveryStreamName=self._stream, Records=entries
            )
        return [str(record.get("ErrorCode") or "") for record in answer["RequestResponses"]]


def _records(
    items: Sequence[Item], limits: _Limits, end: bytes
) -> tuple[list[_Record], list[Refusal]]:
    records: list[_Record] = []
    refusals: list[Refusal] = []
    for index, item in enumerate(items):
        data = stream_record(item) + end
        if len(data) + len(item.order_key) > limits.record_bytes:
            detail = f"a record holds at most {limits.record_bytes} bytes, not {len(data)}"
            refusals.append(Refusal(index, "too-large", detail))
        else:
            records.append(_Record(index, item.order_key, data))
    return records, refusals


def _waves(records: Sequence[_Record]) -> list[list[_Record]]:
    """The first record of every key, then the second, and so on."""
    waves: list[list[_Record]] = []
    seen: dict[str, int] = {}
    for record in records:
        number = seen[record.key] = seen.get(record.key, -1) + 1
        if number == len(waves):
            waves.append([])
        waves[number].append(record)
    return waves


def _calls(records: Sequence[_Record], call_bytes: int) -> Iterator[list[_Record]]:
    call: list[_Record] = []
    size = 0
    for record in records:
        more = len(record.data) + len(record.key)
        if call and (len(call) == MAX_RECORDS or size + more > call_bytes):
            yield call
            call, size = [], 0
        call.append(record)
        size += more
    if call:
        yield call


def _put_all(records: list[_Record], put: Put, stream: str) -> None:
    """Put until all are in. Raises ``StorageError`` when the service goes on refusing."""
    left, codes = records, list[str]()
    for attempt in range(_ROUNDS):
        if attempt:
            back_off(attempt)
        codes = put(left)
        left = [record for record, code in zip(left, codes, strict=True) if code]
        if not left:
            return
    reasons = ", ".join(sorted(set(filter(None, codes))))
    raise StorageError(f"{stream} goes on refusing {len(left)} records: {reasons}")
