"""Records in the log's own SQLite file."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from tallybrook.ports.log.local.reader import Readers
from tallybrook.ports.records import FullRecord, Interval, Place, RecordRow

_SERIES = "account_id = ? AND record_type = ?"
_LOWEST = (-(1 << 63), "")


class SqliteRecords:
    """``ports.records.RecordShelf``. A read is one statement, so it sees one commit."""

    def __init__(self, path: Path) -> None:
        self._readers = Readers(path)

    def read(
        self, account_id: str, record_type: str, intervals: Sequence[Interval]
    ) -> Iterator[RecordRow]:
        if not intervals:
            return
        starts = [interval.start_us for interval in intervals]
        with self._readers.reading() as connection:
            rows = connection.execute(
                f"SELECT record_id, instant_us FROM records WHERE {_SERIES}"
                " AND instant_us >= ? AND instant_us < ?",
                (account_id, record_type, starts[0], intervals[-1].end_us),
            )
            for record_id, instant_us in rows:
                if instant_us < intervals[bisect_right(starts, instant_us) - 1].end_us:
                    yield RecordRow(record_id, instant_us)

    def page(
        self,
        account_id: str,
        record_type: str,
        interval: Interval,
        limit: int,
        after: Place | None = None,
    ) -> list[FullRecord]:
        rows = self._readers.all(
            f"SELECT record_id, instant_us, body FROM records WHERE {_SERIES}"
            " AND instant_us >= ? AND instant_us < ? AND (instant_us, record_id) > (?, ?)"
            " ORDER BY instant_us, record_id LIMIT ?",
            (account_id, record_type, *interval, *(after or _LOWEST), limit),
        )
        return [FullRecord(*row) for row in rows]  # type: ignore[arg-type]

    def get(self, account_id: str, record_type: str, record_id: str) -> FullRecord | None:
        rows = self._readers.all(
            f"SELECT record_id, instant_us, body FROM records WHERE {_SERIES} AND record_id = ?",
            (account_id, record_type, record_id),
        )
        return FullRecord(*rows[0]) if rows else None  # type: ignore[arg-type]

    def close(self) -> None:
        self._readers.close()
