"""Where events wait until the product has them: on disk, or in memory.

Guarantees of both
------------------
* **Order**: events leave in the order they came in, those of several processes mixed.
* **Nothing twice**: putting an event id that waits already changes nothing.
* **Bounded**: over ``max_events`` or ``max_bytes`` something gives way as ``WhenFull`` says, and is
  counted when it is dropped; never in silence.

On disk an event is safe from the end of its process as soon as ``put`` returns; several processes
can share the file. A loss of power can cost the last moments.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from tallybrook.errors import RetryableError

WhenFull = Literal["raise", "drop_oldest", "drop_newest"]


class QueueFullError(RetryableError):
    """As many events wait for the product as may; this one was not taken."""

    status, slug, title = 503, "queue-full", "The queue of events is full"


class Waiting(Struct, frozen=True):
    """An event that waits. ``place`` orders the queue."""

    place: int
    event_id: str
    body: bytes


class Bounds(Struct, frozen=True):
    """How much may wait, and what happens beyond it."""

    max_events: int
    max_bytes: int
    when_full: WhenFull


class Queue(Protocol):
    """See the module."""

    durable: bool

    @property
    def dropped(self) -> int:
        """Events that this process let go of because the queue was full."""

    def put(self, event_id: str, body: bytes) -> int:
        """How many events then wait. Raises ``QueueFullError``, and ``StorageError`` where the disk
        refuses."""

    def head(self, most: int, most_bytes: int) -> list[Waiting]:
        """The first events, at least one where there is any."""

    def remove(self, places: Sequence[int]) -> None: ...

    def last(self) -> int:
        """The place of the newest event, 0 when nothing waits."""

    def __len__(self) -> int: ...

    def sending(self) -> AbstractContextManager[None]:
        """Held while events are sent, so that processes that share the queue take turns."""

    def after_fork(self) -> None:
        """Called in the child: what the parent holds open is the parent's."""

    def close(self) -> None: ...


def room_for(
    size_bytes: int, events: int, held_bytes: int, bounds: Bounds, drop_oldest: Callable[[], int]
) -> bool:
    """Make room for an event: True when it may be put, False when it is dropped itself.

    ``drop_oldest`` removes the oldest event and gives its bytes. Raises ``QueueFullError``.
    """
    while events >= bounds.max_events or held_bytes + size_bytes > bounds.max_bytes:
        if bounds.when_full == "raise":
            raise QueueFullError(f"{events} events ({held_bytes} bytes) wait for the product")
        if bounds.when_full == "drop_newest" or not events:
            return False
        held_bytes -= drop_oldest()
        events -= 1
    return True


class MemoryQueue:
    """Events in memory: gone with their process. Its caller holds a lock."""

    durable = False

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._events: dict[str, Waiting] = {}
        self._bytes = 0
        self._place = 0
        self.dropped = 0

    def put(self, event_id: str, body: bytes) -> int:
        if event_id in self._events:
            return len(self._events)
        if not room_for(len(body), len(self._events), self._bytes, self._bounds, self._drop):
            self.dropped += 1
            return len(self._events)
        self._place += 1
        self._events[event_id] = Waiting(self._place, event_id, body)
        self._bytes += len(body)
        return len(self._events)

    def _drop(self) -> int:
        self.dropped += 1
        return self._take(next(iter(self._events)))

    def _take(self, event_id: str) -> int:
        size_bytes = len(self._events.pop(event_id).body)
        self._bytes -= size_bytes
        return size_bytes

    def head(self, most: int, most_bytes: int) -> list[Waiting]:
        return list(within(iter(self._events.values()), most, most_bytes))

    def remove(self, places: Sequence[int]) -> None:
        gone = set(places)
        for one in [one for one in self._events.values() if one.place in gone]:
            self._take(one.event_id)

    def last(self) -> int:
        return self._place if self._events else 0

    def __len__(self) -> int:
        return len(self._events)

    def sending(self) -> AbstractContextManager[None]:
        return nullcontext()

    def after_fork(self) -> None:
        """The child starts empty: its parent sends what waits."""
        self._events, self._bytes = {}, 0

    def close(self) -> None:
        """There is nothing to let go of."""


def within(events: Iterator[Waiting], most: int, most_bytes: int) -> Iterator[Waiting]:
    """The first of them that fit together; the very first in any case."""
    size_bytes = 0
    for count, one in enumerate(events):
        size_bytes += len(one.body) + 1
        if count == most or (count and size_bytes > most_bytes):
            return
        yield one


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Alone among the processes of this machine for as long; released when the process ends,
    however. Where the system has no such locks it holds nothing: what is then sent twice is
    counted once all the same."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - not on Unix
        yield
        return
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        # Said, not left to closing: a child made meanwhile has the file open, too.
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)
