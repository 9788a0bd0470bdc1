"""Sockets of this process: a registry in memory and a function that writes to a connection."""

import threading
from collections.abc import Callable, Collection

from tallybrook.errors import RetryableError
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.sockets import KEPT_S, Connection, Pushed, check_message

Post = Callable[[str, bytes], bool]
"""Writes to a connection of this process without blocking: False when it is gone, a
``RetryableError`` when its buffer is full."""


class LocalSockets:
    """``ports.sockets.Sockets`` of one process."""

    def __init__(self, post: Post, *, clock: Clock = system_clock) -> None:
        self._post, self._clock = post, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Connection, int]] = {}

    def connect(self, connection_id: str, account_id: str, topics: Collection[str] = ()) -> None:
        connection = Connection(connection_id, account_id, frozenset(topics))
        with self._lock:
            self._known[connection_id] = (connection, self._clock() + KEPT_S * 1_000_000)

    def subscribe(self, connection_id: str, topics: Collection[str]) -> bool:
        with self._lock:
            connection = self._live(connection_id)
            if connection is None:
                return False
            until = self._known[connection_id][1]
            changed = Connection(connection_id, connection.account_id, frozenset(topics))
            self._known[connection_id] = (changed, until)
            return True

    def disconnect(self, connection_id: str) -> None:
        with self._lock:
            self._known.pop(connection_id, None)

    def connection(self, connection_id: str) -> Connection | None:
        with self._lock:
            return self._live(connection_id)

    def post(self, connection_id: str, message: bytes) -> bool:
        if self._post(connection_id, check_message(message)):
            return True
        self.disconnect(connection_id)
        return False

    def push(self, account_id: str, topic: str, message: bytes) -> Pushed:
        check_message(message)
        with self._lock:
            known = [self._live(connection_id) for connection_id in list(self._known)]
        sent = gone = failed = 0
        for one in known:
            if one is None or one.account_id != account_id or topic not in one.topics:
                continue
            try:
                reached = self.post(one.connection_id, message)
            except RetryableError:
                failed += 1
                continue
            sent, gone = sent + reached, gone + (not reached)
        return Pushed(sent, gone, failed)

    def _live(self, connection_id: str) -> Connection | None:
        """Also forgets what is too old. The caller holds the lock."""
        connection, until = self._known.get(connection_id, (None, 0))
        if connection is not None and until <= self._clock():
            del self._known[connection_id]
            return None
        return connection
