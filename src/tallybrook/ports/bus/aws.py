"""The bus in EventBridge: an event a notice, with the kind as its type.

Subscribers are the rules of the stack, with their own retries and dead-letter queues. EventBridge
gives each event an id of its own; a notice is known by ``detail.notice.id``.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from tallybrook.errors import StorageError, TallybrookError
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import back_off
from tallybrook.ports.bus import SOURCE, Notice, detail_of

MAX_ENTRIES = 10
MAX_CALL_BYTES = 1_000_000
"""The entries of one call together have to stay below 1 MB."""

_ROUNDS = 6
_TIME_BYTES = 14
_OUR_FAULT = frozenset({"InvalidArgument", "MalformedDetail", "NotAuthorizedForSourceException"})


class EventBridgeBus:
    """``ports.bus.Bus`` over the event bus ``name``. ``source`` is what its rules choose by."""

    def __init__(self, name: str, events: Any = None, *, source: str = SOURCE) -> None:
        self._name, self._source = name, source
        self._events = events or client("events")

    def publish(self, notices: Sequence[Notice]) -> None:
        for batch in _batches([self._entry(notice) for notice in notices]):
            self._put(batch)

    def _entry(self, notice: Notice) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": self._source,
            "DetailType": notice.kind,
            "Detail": detail_of(notice).decode(),
            "Time": _time(notice.at),
        }

    def _put(self, entries: list[dict[str, Any]]) -> None:
        """Until every entry went through: only those that failed are put again."""
        for attempt in range(_ROUNDS):
            if attempt:
                back_off(attempt)
            with translated(f"publish on {self._name}"):
                answer = self._events.put_events(Entries=entries)
            results = list(zip(entries, answer["Entries"], strict=True))
            codes = {result["ErrorCode"] for _, result in results if result.get("ErrorCode")}
            if codes & _OUR_FAULT:
                raise TallybrookError(f"publish on {self._name}: {', '.join(sorted(codes))}")
            entries = [entry for entry, result in results if result.get("ErrorCode")]
            if not entries:
                return
        raise StorageError(f"publish on {self._name}: {len(entries)} notices go on failing")


def _batches(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    batch_bytes = 0
    for entry in entries:
        size = _size_bytes(entry)
        if batch and (len(batch) == MAX_ENTRIES or batch_bytes + size > MAX_CALL_BYTES):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(entry)
        batch_bytes += size
    if batch:
        yield batch


def _size_bytes(entry: dict[str, Any]) -> int:
    """As the service reckons it."""
    texts = (entry["Source"], entry["DetailType"], entry["Detail"])
    return _TIME_BYTES + sum(len(text.encode()) for text in texts)


def _time(at_us: int) -> datetime:
    """The event's time to the second, which is what EventBridge keeps."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC)
