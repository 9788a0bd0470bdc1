"""Three ways to keep Parquet files as one table, side by side on the same rows.

* ``sqlite``: plain Parquet, catalog in SQLite (what the product does, with its own code)
* ``manifest``: plain Parquet, a JSON manifest replaced by rename
* ``iceberg``: pyiceberg with its SQLite catalog (skipped where it is not installed)

``python bench/lake_formats.py [APPENDS] [ROWS]`` prints JSON. Each append is durable (synced)
except Iceberg's, which does not sync its files: that is to its advantage here. Medians in
milliseconds.
"""

import gc
import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from tallybrook.lake.rows import Columns
from tallybrook.lake.write import open_writer, write_columns
from tallybrook.ports.lake import DataFile
from tallybrook.ports.lake.local import LocalLake, LocalLakeReader

Append = Callable[[int, Columns], None]
Plan = Callable[[], list[str]]

START_US = 1_714_521_600_000_000


def rows(batch: int, count: int) -> Columns:
    """One flush of events of one day."""
    seqs = np.arange(batch * count + 1, (batch + 1) * count + 1, dtype=np.int64)
    text = {
        "event_id": [f"01KAJ{seq:021}" for seq in seqs],
        "event_type": [("view", "click", "cart", "buy")[seq % 4] for seq in seqs],
        "time_source": ["event"] * count,
        "user_id": [f"user_{seq % 600}" for seq in seqs],
        "session_id": [f"session_{seq // 9}" for seq in seqs],
        "properties": [f'{{"plan":"pro","ms":{seq * 7919 % 5000}}}' for seq in seqs],
        "account_id": ["acme"] * count,
    }
    arrays: Columns = {name: np.array(values, dtype=object) for name, values in text.items()}
    for name in ("anonymous_id", "context"):
        arrays[name] = np.full(count, None, dtype=object)
    return arrays | {"seq": seqs, "timestamp": START_US + seqs * 1000, "ingested_at": seqs}


def sqlite(room: Path, count: int) -> tuple[Append, Plan]:
    store = LocalLake(room)
    writer = open_writer(store.scratch(), 256 << 20, 1)
    reader = LocalLakeReader(room)

    def append(batch: int, data: Columns) -> None:
        files = write_columns(writer, store, data)
        store.commit(files, position=(batch + 1) * count)

    return append, lambda: reader.locate(reader.snapshot("acme").files)


def manifest(room: Path, count: int) -> tuple[Append, Plan]:
    store = LocalLake(room)
    writer = open_writer(store.scratch(), 256 << 20, 1)
    path = room / "manifest.json"
    known: list[DataFile] = []

    def append(batch: int, data: Columns) -> None:
        known.extend(write_columns(writer, store, data))
        fresh = path.with_suffix(".new")
        body = {"position": (batch + 1) * count, "files": [f.path for f in known]}
        for target in (Path(store.locate(known[-1:])[0]), fresh):
            if target == fresh:
                fresh.write_text(json.dumps(body))
            _sync(target)
        fresh.rename(path)
        _sync(room)

    return append, lambda: [str(store.root / p) for p in json.loads(path.read_text())["files"]]


def iceberg(room: Path, count: int) -> tuple[Append, Plan]:
    arrow = importlib.import_module("pyarrow")
    catalogs = importlib.import_module("pyiceberg.catalog.sql")
    catalog = catalogs.SqlCatalog(
        "bench", uri=f"sqlite:///{room}/catalog.db", warehouse=f"file://{room}"
    )
    catalog.create_namespace("lake")
    table = catalog.create_table("lake.events", schema=_arrow(arrow, rows(0, 1)).schema)

    def append(_batch: int, data: Columns) -> None:
        table.append(_arrow(arrow, data))

    def plan() -> list[str]:
        fresh = catalog.load_table("lake.events")
        return [t.file.file_path.removeprefix("file://") for t in fresh.scan().plan_files()]

    return append, plan


def _arrow(arrow: Any, columns: Columns) -> Any:
    text = {n: arrow.array(v, type=arrow.string()) for n, v in columns.items() if v.dtype == object}
    return arrow.table(text | {n: v for n, v in columns.items() if v.dtype != object})


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


FORMATS: dict[str, Callable[[Path, int], tuple[Append, Plan]]] = {
    "sqlite": sqlite,
    "manifest": manifest,
    "iceberg": iceberg,
}


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


def measure(name: str, appends: int, count: int) -> dict[str, Any]:
    """One format: appends, then planning and one query over what was appended."""
    with tempfile.TemporaryDirectory() as room:
        append, plan = FORMATS[name](Path(room), count)
        took = [timed(partial(append, n, rows(n, count))) for n in range(appends)][1:]
        gc.collect()
        paths = plan()
        planned = statistics.median(timed(plan) for _ in range(9))
        sql = f"SELECT event_type, count(*) FROM read_parquet({paths!r}) GROUP BY 1"
        with duckdb.connect() as db:
            found = sum(n for _, n in db.execute(sql).fetchall())
        if found != appends * count:
            raise ValueError(f"{name}: {found} rows instead of {appends * count}")
        tenth = max(1, appends // 10)
        return {
            "append_ms": round(statistics.median(took), 2),
            "append_first_ms": round(statistics.median(took[:tenth]), 2),
            "append_last_ms": round(statistics.median(took[-tenth:]), 2),
            "plan_ms": round(planned, 2),
            "files": len(paths),
            "bytes_a_row": round(sum(Path(p).stat().st_size for p in paths) / found, 1),
        }


def main() -> None:
    appends, count = (int(arg) for arg in (sys.argv[1:] + ["100", "2000"][len(sys.argv) - 1 :]))
    table: dict[str, Any] = {}
    for name in FORMATS:
        try:
            table[name] = measure(name, appends, count)
        except ImportError as error:
            table[name] = {"skipped": str(error)}
    ours = table["sqlite"]
    for name in ("manifest", "iceberg"):
        if "append_ms" in table[name]:
            table[name]["append_ratio"] = round(table[name]["append_ms"] / ours["append_ms"], 2)
            table[name]["plan_ratio"] = round(table[name]["plan_ms"] / ours["plan_ms"], 2)
    print(json.dumps({"appends": appends, "rows": count, "formats": table}, indent=2))


if __name__ == "__main__":
    main()
