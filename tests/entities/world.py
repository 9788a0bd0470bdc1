"""What the tests of entities share: events, a clock, a state in memory, a bus that listens."""

import json
import threading
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Raw

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.consumer import take_in
from tallybrook.entities.sending import publish_waiting
from tallybrook.entities.warm import Warm
from tallybrook.errors import ConflictError
from tallybrook.events.instants import DAY_US
from tallybrook.events.model import Event
from tallybrook.ports.bus import Notice, detail_of
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.state import (
    ABSENT,
    Change,
    Delete,
    Put,
    State,
    Stored,
    require_key,
    require_writable,
)
from tallybrook.ports.state.versions import fresh_version

NOW_US = 1_768_478_400_000_000
"""2026-01-15T12:00:00Z"""


class Moving:
    """A clock that stands still until it is moved."""

    def __init__(self, us: int = NOW_US) -> None:
        self.us = us

    def __call__(self) -> int:
        return self.us


class MemoryState:
    """``ports.state.State`` with its contract and no disk. Safe for threads."""

    def __init__(self, clock: Moving | None = None) -> None:
        self._clock = clock or Moving()
        self._held: dict[str, dict[str, Stored]] = {}
        self._lock = threading.RLock()

    def get(self, partition: str, key: str) -> Stored | None:
        require_key(partition, key)
        with self._lock:
            found = self._held.get(partition, {}).get(key)
            return found if found and self._alive(found) else None

    def put(
        self, partition: str, key: str, value: bytes, *, expect: int | None = None,
        expires_at_s: int | None = None,
    ) -> int:  # fmt: skip
        return self.write([Put(partition, key, value, expect, expires_at_s)])[0]

    def delete(self, partition: str, key: str, *, expect: int | None = None) -> bool:
        with self._lock:
            if self.get(partition, key) is None:
                return False
            self.write([Delete(partition, key, expect)])
            return True

    def query(
        self, partition: str, prefix: str = "", *, after: str | None = None, limit: int = 1000
    ) -> list[Stored]:
        with self._lock:
            found = [
                one
                for key, one in self._held.get(partition, {}).items()
                if key.startswith(prefix) and (after is None or key > after) and self._alive(one)
            ]
        return sorted(found, key=lambda one: one.key.encode())[:limit]

    def write(self, changes: Sequence[Change]) -> list[int]:
        require_writable(changes)
        with self._lock:
            for change in changes:
                found = self.get(change.partition, change.key)
                if change.expect not in (None, found.version if found else ABSENT):
                    raise ConflictError(change.key)
            return [self._apply(change) for change in changes]

    def close(self) -> None:
        pass

    def items(self) -> int:
        """How many items there are."""
        return sum(self._alive(one) for held in self._held.values() for one in held.values())

    def _apply(self, change: Change) -> int:
        held = self._held.setdefault(change.partition, {})
        if isinstance(change, Put):
            version = fresh_version()
            held[change.key] = Stored(change.key, change.value, version, change.expires_at_s)
            return version
        if isinstance(change, Delete):
            held.pop(change.key, None)
        return 0

    def _alive(self, found: Stored) -> bool:
        return found.expires_at_s is None or found.expires_at_s > self._clock() // 1_000_000


class Counting(MemoryState):
    """Counts the items that are read."""

    read = 0

    def get(self, partition: str, key: str) -> Stored | None:
        self.read += 1
        return super().get(partition, key)

    def query(self, partition: str, prefix: str = "", **more: Any) -> list[Stored]:
        found = super().query(partition, prefix, **more)
        self.read += len(found)
        return found


class Listening:
    """A bus that keeps what is published."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def publish(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            detail_of(notice)
        self.notices += notices

    def told(self) -> list[tuple[str, str, str, int]]:
        """(type, severity, entity, how long before NOW_US in whole days) of each."""
        return sorted(
            (n.kind, n.data["severity"], n.data["entity_id"], (NOW_US - n.at) // DAY_US)
            for n in self.notices
        )


def event(type: str, payload: Any = UNSET, at: int = NOW_US, id: str = "e", **more: Any) -> Event:
    """An event as the log holds it; ``seen`` is its arrival."""
    raw = UNSET if payload is UNSET else Raw(json.dumps(payload).encode())
    return Event(
        more.pop("seq", 1), id, type, at, more.pop("seen", NOW_US), more.pop("account", "acme"),
        "event", properties=raw, **more,
    )  # fmt: skip


def take(
    state: State, catalog: Catalog, events: Sequence[Event], now_us: int,
    bus: Listening | None = None, failed: list[FailedRecord] | None = None,
    warm: Warm | None = None,
) -> None:  # fmt: skip
    """Take events in, and publish what that has to tell."""
    kept: list[FailedRecord] = [] if failed is None else failed
    take_in(events, state, catalog, kept.append, now_us, warm)
    if bus is not None:
        publish_waiting(state, bus)
    if failed is None:
        assert kept == []
