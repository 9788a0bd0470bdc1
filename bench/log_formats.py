"""What the log is written to: row per event, chunk per commit, or an append-only file.

Run: ``python -m bench.log_formats``. Every candidate commits groups of 1, 40 and 500 events of
about 250 bytes with a sync to disk; candidates take turns, and medians are compared with the
chunk per commit that the log uses.
"""

import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LINE = b'{"seq":1,"event_id":"018f2b0e-7c2a-7aaa-8aaa-123456789abc","event_type":"page_view",' + (
    b'"timestamp":1795239060123000,"ingested_at":1795239060123000,"account_id":"default",'
    b'"time_source":"event","user_id":"user_12345","properties":{"path":"/pricing"}}'
)
GROUPS = (1, 40, 500)
ROUNDS = 5
Commit = Callable[[int], None]


def _open(folder: Path, name: str, table: str) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / name, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(table)
    return connection


def row_per_event(folder: Path) -> Commit:
    db = _open(folder, "rows.db", "CREATE TABLE log (seq INTEGER PRIMARY KEY, body BLOB)")

    def commit(count: int) -> None:
        db.execute("BEGIN")
        db.executemany("INSERT INTO log (body) VALUES (?)", [(LINE,)] * count)
        db.execute("COMMIT")

    return commit


def chunk_per_commit(folder: Path) -> Commit:
    db = _open(folder, "chunks.db", "CREATE TABLE log (seq INTEGER PRIMARY KEY, body BLOB)")

    def commit(count: int) -> None:
        db.execute("BEGIN")
        db.execute("INSERT INTO log (body) VALUES (?)", (b"\n".join([LINE] * count),))
        db.execute("COMMIT")

    return commit


def append_only_file(folder: Path) -> Commit:
    file = os.open(folder / "segment", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def commit(count: int) -> None:
        os.write(file, b"\n".join([LINE] * count) + b"\n")
        os.fdatasync(file)

    return commit


def seconds_per_commit(commit: Commit, group: int, commits: int) -> float:
    started = time.perf_counter()
    for _ in range(commits):
        commit(group)
    return (time.perf_counter() - started) / commits


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        candidates = {
            make.__name__: make(folder)
            for make in (chunk_per_commit, row_per_event, append_only_file)
        }
        print(f"{'candidate':<18}" + "".join(f"{f'{g} events/commit':>28}" for g in GROUPS))
        times: dict[tuple[str, int], list[float]] = {}
        for _ in range(ROUNDS):
            for group in GROUPS:
                for label, commit in candidates.items():
                    took = seconds_per_commit(commit, group, 200)
                    times.setdefault((label, group), []).append(took)
        for label in candidates:
            cells = [_cell(times, label, group) for group in GROUPS]
            print(f"{label:<18}" + "".join(f"{cell:>28}" for cell in cells))


def _cell(times: dict[tuple[str, int], list[float]], label: str, group: int) -> str:
    mine = statistics.median(times[label, group])
    base = statistics.median(times["chunk_per_commit", group])
    return f"{group / mine:,.0f} ev/s ({mine / base:.2f}x time)"


if __name__ == "__main__":
    main()
