"""Events on their way: put in a queue at once, sent in batches by a thread, removed when the
product has said what became of each.

An event is sent until the product answers for it, and carries its id from the start: sent twice,
it is counted once.
"""

import atexit
import logging
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.client import calls
from tallybrook.client.forking import tell_after_fork
from tallybrook.client.queues import Queue, Waiting
from tallybrook.client.replies import with_faults
from tallybrook.client.retrying import pause_s
from tallybrook.client.shapes import Batch
from tallybrook.errors import InvalidError, RetryableError, TallybrookError, UsageError
from tallybrook.events.batches import MAX_BATCH_EVENTS
from tallybrook.events.ids import UlidFactory
from tallybrook.events.instants import format_instant
from tallybrook.events.reading import read_event

_log = logging.getLogger("tallybrook.client")

MAX_BATCH_BYTES = 4_000_000
_SPLIT_ON = frozenset({400, 413, 422})
"""Of a batch refused whole: one event of it is at fault, or too many came together."""

_STUCK_S = 60.0
"""The longest pause of the thread while the product is away or refuses the key."""

_AT_EXIT_S = 5.0
_NEVER = 1 << 62
_OWN_IDS = ("event_id", "messageId", "id")

Send = Callable[[calls.Call[Batch]], Batch]
OnRejected = Callable[[Mapping[str, Any], str], object]


class Flushed(Struct, kw_only=True):
    """What became of events since the client began, and how many wait (of all processes that
    share the queue). ``rejected`` ones are kept by the product as failed records; ``dropped`` ones
    gave way in a full queue."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    dropped: int = 0
    waiting: int = 0


class Pace(Struct, frozen=True):
    """A batch goes out when ``size`` events wait, and ``interval_s`` after the first at last."""

    size: int
    interval_s: float


class Delivery:
    """Safe for threads. A child made by ``fork`` goes on with a thread of its own, and does not
    send what its parent holds in memory."""

    def __init__(
        self, queue: Queue, send: Send, pace: Pace, on_rejected: OnRejected | None = None
    ) -> None:
        self._queue, self._send, self._pace = queue, send, pace
        self._on_rejected = on_rejected
        self._closed = False
        self._begin()
        tell_after_fork(self)
        _open.add(self)
        with self._lock:
            if len(self._queue):  # of an earlier process
                self._start()

    def _begin(self) -> None:
        """What a process has of its own."""
        self._new_id = UlidFactory()
        self._seen = Flushed()
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        # At how many events the thread is woken: while it sends or rests, at none.
        self._wakes_at = _NEVER

    def after_fork(self) -> None:
        self._begin()
        self._queue.after_fork()

    def put(self, event: Mapping[str, Any], now_us: int) -> str:
        """Queue an event and return its id; an id and a time are added where it has none.

        Raises what the product would refuse it with (``InvalidError``, ``TooLargeError``), as
        ``Queue.put``, and ``UsageError`` after ``close``.
        """
        body = self._encoded(event, now_us)
        event_id = _checked(body, now_us)
        with self._lock:
            if self._closed:
                raise UsageError("the client is closed")
            count = self._queue.put(event_id, body)
            self._start()
            if count >= self._wakes_at:
                self._wake.notify()
        return event_id

    def _encoded(self, event: Mapping[str, Any], now_us: int) -> bytes:
        given = {name: value for name, value in event.items() if value is not None}
        if not any(name in given for name in _OWN_IDS):
            given["event_id"] = self._new_id(now_us)
        stamp = given.get("timestamp")
        given["timestamp"] = format_instant(now_us) if stamp is None else calls.text_of(stamp)
        try:
            return msgspec.json.encode(given)
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"the event cannot be written as JSON: {error}") from None

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="tallybrook-client", daemon=True
            )
            self._thread.start()

    def _work(self) -> None:
        """Send what waits, until closed; while that fails, less and less often."""
        failures = 0
        while self._due(failures):
            try:
                with self._lock:
                    last = self._queue.last()
                while self._send_some(last):
                    pass
                failures = 0
            except TallybrookError as error:
                failures += 1
                if failures == 1:
                    _log.warning("events wait: %s", error.detail)
                asked_s = error.retry_after_s if isinstance(error, RetryableError) else 0
                self._rest(pause_s(failures, asked_s, _STUCK_S))

    def _due(self, failures: int) -> bool:
        """Wait until a batch is due, at once after a failure; False once closed."""
        due_s: float | None = None
        with self._lock:
            while not self._closed and not failures:
                count, now_s = len(self._queue), time.monotonic()
                if count and due_s is None:
                    due_s = now_s + self._pace.interval_s
                if count >= self._pace.size or (due_s is not None and now_s >= due_s):
                    break
                self._wakes_at = 1 if due_s is None else self._pace.size
                self._wake.wait(None if due_s is None else due_s - now_s)
                self._wakes_at = _NEVER
            return not self._closed

    def _rest(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        with self._lock:
            while not self._closed and (left_s := end_s - time.monotonic()) > 0:
                self._wake.wait(left_s)

    def flush(self, timeout_s: float) -> Flushed:
        """Send everything put so far. Raises the last failure when time is up, at once where
        trying again cannot help; what was not sent still waits."""
        deadline_s, failures = time.monotonic() + timeout_s, 0
        with self._lock:
            last = self._queue.last()
        while True:
            try:
                while self._send_some(last):
                    failures = 0
                return self.seen()
            except RetryableError as error:
                failures += 1
                wait_s = pause_s(failures, error.retry_after_s)
                if time.monotonic() + wait_s > deadline_s:
                    raise
                time.sleep(wait_s)

    def seen(self) -> Flushed:
        with self._lock:
            return msgspec.structs.replace(
                self._seen, waiting=len(self._queue), dropped=self._queue.dropped
            )

    def _send_some(self, last: int) -> bool:
        """Send one batch of what was put up to ``last``; False when none of it is left."""
        with self._turn, self._queue.sending():
            with self._lock:
                found = self._queue.head(MAX_BATCH_EVENTS, MAX_BATCH_BYTES)
            batch = [one for one in found if one.place <= last]
            if batch:
                self._deliver(batch)
            return bool(batch)

    def _deliver(self, batch: Sequence[Waiting]) -> None:
        try:
            reply = self._send(calls.send_events(one.body for one in batch))
        except TallybrookError as error:
            if isinstance(error, RetryableError) or error.status not in _SPLIT_ON:
                raise
            self._divide(batch, error)
            return
        self._settle(batch, reply, _faults(batch, reply))

    def _divide(self, batch: Sequence[Waiting], error: TallybrookError) -> None:
        """Halve a batch that was refused whole until the event at fault stands alone."""
        if len(batch) == 1:
            self._settle(
                batch, Batch(accepted=0, duplicate=0, rejected=1, results=[]), {0: error.detail}
            )
            return
        half = len(batch) // 2
        self._deliver(batch[:half])
        self._deliver(batch[half:])

    def _settle(self, batch: Sequence[Waiting], reply: Batch, faults: dict[int, str]) -> None:
        with self._lock:
            self._queue.remove([one.place for one in batch])
            self._seen.accepted += reply.accepted
            self._seen.duplicate += reply.duplicate
            self._seen.rejected += len(faults)
        for index, why in faults.items():
            self._tell(batch[index], why)

    def _tell(self, one: Waiting, why: str) -> None:
        _log.warning("event %s was rejected: %s", one.event_id, why)
        if self._on_rejected is None:
            return
        try:
            self._on_rejected(msgspec.json.decode(one.body), why)
        except Exception:  # noqa: BLE001 - the caller's code: told, and the next event is sent
            _log.exception("on_rejected failed for event %s", one.event_id)

    def close(self, timeout_s: float) -> None:
        """Send what waits for as long, and end. What is left stays on disk for the next client of
        the queue; out of memory it is lost, and ``RetryableError`` says so. Twice does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._wake.notify_all()
        try:
            self.flush(timeout_s)
        except TallybrookError as error:
            self._leave(error)
        finally:
            _open.discard(self)
            if self._thread is not None:
                self._thread.join(timeout_s)
            with self._lock:
                self._queue.close()

    def _leave(self, error: TallybrookError) -> None:
        with self._lock:
            left = len(self._queue)
        if not self._queue.durable:
            raise RetryableError(f"{left} events were not sent and are lost: {error.detail}", 0)
        _log.warning("%d events stay in the queue on disk: %s", left, error.detail)


def _checked(body: bytes, now_us: int) -> str:
    """The id of an event that the product would take."""
    try:
        return read_event(body, "-", now_us).event_id
    except InvalidError as error:
        raise InvalidError(with_faults(error.detail, error.errors), error.errors) from None


def _faults(batch: Sequence[Waiting], reply: Batch) -> dict[int, str]:
    """Why events of a batch were rejected, by index. Raises when not every event is answered for:
    then none of it is taken for done."""
    if len(reply.results) != len(batch):
        raise TallybrookError(f"{len(batch)} events, and {len(reply.results)} were answered for")
    return {item.index: item.why for item in reply.results if item.status == "rejected"}


_open: "weakref.WeakSet[Delivery]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for one in list(_open):
        try:
            one.close(_AT_EXIT_S)
        except TallybrookError as error:
            _log.error("%s", error.detail)
