"""Counters in the log's own SQLite file: a commit changes both or neither."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import cast

from tallybrook.errors import StorageError
from tallybrook.ports.counters import (
    EVERYTHING,
    CounterRow,
    Instants,
    Scope,
    SeriesTotal,
    bounds_s,
)
from tallybrook.ports.log import CounterKey, Kind
from tallybrook.ports.log.local.reader import Readers

_CORRECT = """
INSERT INTO counters (account_id, kind, series, minutes, start_s, count, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET count = count + excluded.count, updated_at = excluded.updated_at
    WHERE excluded.count <> 0
"""


class SqliteCounters:
    """``ports.counters.Counters``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readers = Readers(path)

    def rows(
        self, account_id: str, kind: Kind, series: str, minutes: int, start_s: int, end_s: int
    ) -> list[CounterRow]:
        found = self._readers.all(
            "SELECT start_s, count, created_at, updated_at FROM counters"
            " WHERE account_id = ? AND minutes = ? AND kind = ? AND series = ?"
            " AND start_s >= ? AND start_s < ? ORDER BY start_s",
            (account_id, minutes, kind, series, start_s, end_s),
        )
        return [CounterRow(*row) for row in found]  # type: ignore[arg-type]

    def sums(
        self, account_id: str, minutes: int, start_s: int, end_s: int
    ) -> dict[tuple[Kind, str, int], int]:
        names = self.names(account_id)
        sums: dict[tuple[Kind, str, int], int] = {}
        for kind, series in names:
            for row in self.rows(account_id, kind, series, minutes, start_s, end_s):
                if row.count:
                    sums[kind, series, row.start_s] = row.count
        return sums

    def names(self, account_id: str) -> list[tuple[Kind, str]]:
        # Skips through the key: costs a look-up a series, however many rows it has.
        names: list[tuple[Kind, str]] = []
        kind, series = "", ""
        while True:
            row = self._readers.all(
                "SELECT kind, series FROM counters WHERE account_id = ? AND minutes = 60"
                " AND (kind, series) > (?, ?) ORDER BY kind, series LIMIT 1",
                (account_id, kind, series),
            )
            if not row:
                return names
            kind, series = str(row[0][0]), str(row[0][1])
            names.append((cast("Kind", kind), series))

    def series(self, account_id: str) -> list[SeriesTotal]:
        found = self._readers.all(
            "SELECT series, kind, SUM(count),"
            " MIN(start_s) FILTER (WHERE count <> 0), MAX(start_s) FILTER (WHERE count <> 0)"
            " FROM counters WHERE account_id = ? AND minutes = 60"
            " GROUP BY kind, series ORDER BY kind, series",
            (account_id,),
        )
        totals = cast("list[tuple[str, Kind, int, int | None, int | None]]", found)
        return [SeriesTotal(s, k, n, first or 0, last or 0) for s, k, n, first, last in totals]

    @contextmanager
    def at_once(self) -> Iterator[None]:
        with self._readers.reading() as connection:
            if connection.in_transaction:  # inside another: one commit already
                yield
                return
            connection.execute("BEGIN")
            try:
                yield
            finally:
                connection.execute("COMMIT")

    def everything(
        self, since_s: int | None, scope: Scope = EVERYTHING
    ) -> Iterator[tuple[CounterKey, int]]:
        of_account = "" if scope.account_id is None else " AND account_id = ?"
        first_s, end_s = bounds_s(since_s, scope)
        more = () if scope.account_id is None else (scope.account_id,)
        with self._readers.reading() as connection:
            rows = connection.execute(
                "SELECT account_id, kind, series, minutes, start_s, count FROM counters"
                " WHERE start_s >= ? AND start_s < ?" + of_account,
                (first_s, end_s, *more),
            )
            for account_id, kind, series, minutes, start_s, count in rows:
                yield (account_id, kind, series, minutes, start_s), count

    def instants(self, scope: Scope = EVERYTHING) -> Iterator[Instants]:
        from tallybrook.ports.counters.gathering import event_instants, record_instants

        with self._readers.reading() as connection:
            bodies = connection.execute("SELECT body FROM chunks WHERE topic = 'events'")
            yield from event_instants((body for (body,) in bodies), scope)
            rows = connection.execute(
                "SELECT record_type, account_id, instant_us, skipped FROM records"
                " ORDER BY account_id, record_type"
            )
            for (_, series), group in groupby(rows, key=lambda row: (row[1], row[0])):
                yield from record_instants(series, (row[1:] for row in group), scope)

    def correct(self, changes: Mapping[CounterKey, int], now_us: int) -> None:
        try:
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("BEGIN IMMEDIATE")
                rows = [(*key, change, now_us, now_us) for key, change in changes.items()]
                connection.executemany(_CORRECT, rows)
                connection.execute("COMMIT")
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StorageError(f"counters: {error}") from error

    def close(self) -> None:
        self._readers.close()
