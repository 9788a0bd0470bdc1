"""Records that change while they are recounted: a store, its stream, a reader and a late writer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count

from tallybrook.counters.stream_recount import StreamRecount, recount_touched
from tallybrook.counters.window import Touch
from tallybrook.ports.log import CounterKey, RecordChange, StoredRecord
from tallybrook.ports.metrics import BucketKey, StoredMetric, Written
from tallybrook.ports.records import Interval, RecordRow
from tests.counters.world import NOW_US

Meanwhile = Callable[[], None]


class Delta:
    """``ports.log.Transaction`` in memory: what the embedded product would have counted."""

    def __init__(self) -> None:
        self.counts: dict[CounterKey, int] = {}
        self.records: dict[tuple[str, str, str], StoredRecord] = {}

    def add_counts(self, deltas: Mapping[CounterKey, int], _now_us: int) -> None:
        for key, change in deltas.items():
            self.counts[key] = self.counts.get(key, 0) + change

    def record(self, *key: str) -> StoredRecord | None:
        return self.records.get(key)  # type: ignore[call-overload,no-any-return]

    def put_record(self, change: RecordChange, seq: int) -> None:
        stored = StoredRecord(change.instant_us, change.skipped, change.body, seq)
        self.records[change.account_id, change.record_type, change.record_id] = stored

    def delete_record(self, change: RecordChange) -> None:
        del self.records[change.account_id, change.record_type, change.record_id]


class Table:
    """The records, and the stream of their changes."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str, str], int | None] = {}
        self.stream: list[Touch] = []

    def change(self, change: RecordChange) -> None:
        key = (change.account_id, change.record_type, change.record_id)
        old = self.records.get(key)
        if change.op == "put":
            self.records[key] = change.instant_us
        elif self.records.pop(key, self) is self:
            return
        self.stream.append(
            Touch(*key, str(len(self.stream)), old, change.instant_us, change.skipped)
        )


class Source:
    """Reads the table record by record while ``meanwhile`` goes on changing it."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.meanwhile: list[Meanwhile] = []

    def read(
        self, account_id: str, record_type: str, intervals: Sequence[Interval]
    ) -> Iterator[RecordRow]:
        for name in map(str, range(12)):
            if self.meanwhile:
                self.meanwhile.pop(0)()
            at = self._table.records.get((account_id, record_type, name))
            if at is not None and any(start <= at < end for start, end in intervals):
                yield RecordRow(name, at)


class Sink:
    """Keeps writes back until they are let go, in any order."""

    def __init__(self) -> None:
        self.rows: dict[CounterKey, tuple[int, int]] = {}
        self.late: list[Callable[[], None]] = []
        self.before_ticket: list[Meanwhile] = []
        self.after_ticket: list[Meanwhile] = []
        self._tickets = count(1)

    def ticket(self, _account_id: str, _record_type: str) -> int:
        if self.before_ticket:
            self.before_ticket.pop(0)()
        taken = next(self._tickets)
        if self.after_ticket:
            self.after_ticket.pop(0)()
        return taken

    def write(
        self,
        account_id: str,
        record_type: str,
        counts: Mapping[BucketKey, int],
        version: int,
        _now_us: int,
    ) -> Written:
        def apply() -> None:
            for (minutes, start_s), n in counts.items():
                key: CounterKey = (account_id, "record", record_type, minutes, start_s)
                if version >= self.rows.get(key, (0, 0))[1]:
                    self.rows[key] = (n, version)

        self.late.append(apply)
        return Written(len(counts))

    def stored(self, *_: object) -> list[StoredMetric]:
        raise NotImplementedError

    def types(self, _account_id: str) -> list[str]:
        raise NotImplementedError


def recount(table: Table, batch: Sequence[Touch], source: Source, sink: Sink) -> StreamRecount:
    """One delivery of a batch of the stream."""
    done = recount_touched(batch, source, sink, clock=lambda: NOW_US)
    assert done.failed == []
    return done
