"""The real log with the real effects on a held clock, and the truth beside it."""

from pathlib import Path
from queue import Queue

from tallybrook.counters.buckets import SIZES
from tallybrook.counters.recount import Recount, corrections, recount
from tallybrook.errors import TallybrookError
from tallybrook.events.instants import parse_instant
from tallybrook.events.model import Event
from tallybrook.ports.counters.local import SqliteCounters
from tallybrook.ports.log import CounterKey, Receipt, RecordChange, Write
from tallybrook.ports.log.local import SqliteLog
from tallybrook.wiring import EFFECTS

NOW_US = 1_705_675_043_000_000  # 2024-01-19T14:37:23Z


def us(text: str) -> int:
    instant = parse_instant(text)
    assert instant is not None
    return instant


def event(event_id: str, instant_us: int, series: str = "view", account: str = "acme") -> Event:
    return Event(0, event_id, series, instant_us, NOW_US, account, "event", user_id="u")


def put(
    record_id: str, instant_us: int | None, series: str = "items", account: str = "acme"
) -> RecordChange:
    skipped = None if instant_us is not None else "no_timestamp"
    body = f'{{"at":{"null" if instant_us is None else instant_us}}}'
    return RecordChange(account, series, record_id, "put", instant_us, skipped, body)


def delete(record_id: str, series: str = "items", account: str = "acme") -> RecordChange:
    return RecordChange(account, series, record_id, "delete")


class World:
    """The log at a path, to be written to and opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()

    def open(self) -> None:
        self.log = SqliteLog(self.path, EFFECTS, clock=lambda: NOW_US)
        self.counters = SqliteCounters(self.path)

    def close(self) -> None:
        self.counters.close()
        self.log.close()

    def reopen(self) -> None:
        self.close()
        self.open()

    def write(self, *items: Event | RecordChange) -> Receipt:
        events = [item for item in items if isinstance(item, Event)]
        records = [item for item in items if isinstance(item, RecordChange)]
        return self.log.write(Write(events, records))

    def write_together(self, writes: list[list[Event | RecordChange]]) -> None:
        """Submit all before waiting for any; every item must be answered."""
        outcomes: Queue[Receipt | TallybrookError] = Queue()
        for items in writes:
            events = [item for item in items if isinstance(item, Event)]
            records = [item for item in items if isinstance(item, RecordChange)]
            self.log.submit(Write(events, records), outcomes.put)
        for items in writes:
            receipt = outcomes.get(timeout=30)
            assert isinstance(receipt, Receipt), receipt
            assert len(receipt.duplicate) + len(receipt.records) == len(items)

    def stored(self) -> dict[CounterKey, int]:
        """Every bucket that is not zero."""
        return {key: count for key, count in self.counters.everything(None) if count}

    def recount(self, since_us: int | None = None) -> Recount:
        return recount(self.counters, since_us)

    def correct(self) -> None:
        self.counters.correct(corrections(self.recount()), NOW_US)


def brute_force(
    events: dict[tuple[str, str], tuple[str, int]],
    records: dict[tuple[str, str, str], int | None],
) -> dict[CounterKey, int]:
    """Counting the distinct events (by account and id) and records from scratch."""
    counts: dict[CounterKey, int] = {}
    for (account, _), (series, instant) in events.items():
        for size in SIZES:
            key = (account, "event", series, size, instant // 1_000_000 // (60 * size) * 60 * size)
            counts[key] = counts.get(key, 0) + 1
    for (account, series, _), at in records.items():
        for size in SIZES if at is not None else ():
            key = (account, "record", series, size, at // 1_000_000 // (60 * size) * 60 * size)
            counts[key] = counts.get(key, 0) + 1
    return counts
