"""One statement from text to rows, inside the child process."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import PurePath
from typing import Any

import duckdb
from msgspec import Struct

from tallybrook.lake.tables import TABLES
from tallybrook.ports.lake import DataFile, LakeReader, Snapshot
from tallybrook.ports.log import LogReader
from tallybrook.ports.sql import (
    MAX_ROWS,
    Limits,
    QueryMetadata,
    QueryRequest,
    ResultColumn,
    ScanLimitError,
)
from tallybrook.sql import price, tail
from tallybrook.sql.connection import lock, open_connection
from tallybrook.sql.guard import Scan, Statement, guard
from tallybrook.sql.pruning import Bound
from tallybrook.sql.values import Cells, type_name

BATCH_ROWS = 2_000
MAX_RESULT_CELLS = 5_000_000
ZONED = "TIMESTAMP WITH TIME ZONE"

Emit = Callable[[list[ResultColumn] | list[list[Any]]], None]


class Plan(Struct):
    """The files each scan reads, and what that costs."""

    files: list[list[DataFile]]
    scanned_bytes: int


class Session:
    """Answers one request after the other. Not thread-safe; a process has one."""

    def __init__(self, lake: LakeReader, log: LogReader, limits: Limits) -> None:
        self._lake, self._log, self._limits = lake, log, limits
        self._calculator = open_connection(limits)
        lock(self._calculator, None)
        self._next = open_connection(limits)

    def run(self, request: QueryRequest, emit: Emit) -> QueryMetadata:
        """Columns, then batches of rows, are given to ``emit``; the rest is returned."""
        started = time.perf_counter()
        statement = guard(
            request.sql,
            request.parameters,
            now_us=time.time_ns() // 1000,
            full_scan=request.full_scan,
            max_rows=min(request.max_rows, MAX_ROWS),
        )
        if statement.kind == "static":
            metadata = _emit_static(statement, emit)
        else:
            metadata = self._run(statement, request, emit)
        metadata.execution_ms = round((time.perf_counter() - started) * 1e3, 3)
        return metadata

    def warm(self) -> None:
        """Have everything loaded that a first statement would load."""
        guard(
            "SELECT event_type, count(*) FROM events WHERE date >= current_date GROUP BY 1",
            now_us=time.time_ns() // 1000,
        )
        self._calculator.execute("SELECT epoch_us(CAST(('2024-01-01') AS TIMESTAMP))").fetchone()

    def prepare(self) -> None:
        """A fresh connection for the next statement, made while nobody waits."""
        self._next.close()
        self._next = open_connection(self._limits)

    def _run(self, statement: Statement, request: QueryRequest, emit: Emit) -> QueryMetadata:
        snapshot = self._lake.snapshot(request.account_id)
        plan = self._plan(statement, snapshot)
        metadata = QueryMetadata(
            scanned_bytes=plan.scanned_bytes,
            estimated_usd=price.usd(plan.scanned_bytes),
            snapshot=snapshot.snapshot_id,
            position=snapshot.position,
            files=sum(map(len, plan.files)),
            hints=list(statement.hints),
        )
        if request.dry_run:
            return metadata
        _check_limit(plan.scanned_bytes, request.max_scanned_bytes)
        self._open_tables(statement, request.account_id, plan, metadata)
        _execute(self._next, statement, min(request.max_rows, MAX_ROWS), emit, metadata)
        return metadata

    def _plan(self, statement: Statement, snapshot: Snapshot) -> Plan:
        instants = self._instants(statement)
        files = [price.select_files(snapshot.files, s.need, instants) for s in statement.scans]
        sizes = [price.scanned_bytes(part, statement.columns) for part in files]
        return Plan(files, sum(sizes))

    def _instants(self, statement: Statement) -> Mapping[Bound, int | None]:
        """The bounds evaluated by the engine; if it cannot, nothing is pruned."""
        found = list({b: None for scan in statement.scans for b in price.bounds(scan.need)})
        texts = list(dict.fromkeys(bound.sql for bound in found))
        if not texts:
            return {}
        query = "SELECT " + ", ".join(f"epoch_us(CAST(({sql}) AS TIMESTAMP))" for sql in texts)
        try:
            row = self._calculator.execute(query, _used(query, statement)).fetchone()
        except duckdb.Error:
            return {}
        values = dict(zip(texts, row or (), strict=True))
        return {bound: values[bound.sql] for bound in found}

    def _open_tables(
        self, statement: Statement, account_id: str, plan: Plan, metadata: QueryMetadata
    ) -> None:
        """The views the statement reads: lake files of the snapshot, then the log after it."""
        end = tail.Tail(metadata.position)
        if statement.scans:
            end = tail.load(self._next, self._log, account_id, metadata.position)
        metadata.position, metadata.tail_events = end.position, end.events
        if end.events > tail.LONG_TAIL:
            metadata.hints.append(
                f"The lake is behind: {end.events} events were read from the log, which is slower."
            )
        located = self._locate(plan)
        for scan, files in zip(statement.scans, plan.files, strict=True):
            self._next.execute(_view(scan, [located[f.path] for f in files], end.events))
        lock(self._next, self._lake.folder(account_id))

    def _locate(self, plan: Plan) -> dict[str, str]:
        """All files of the statement at once: a backend may have to bring them here."""
        files = list({file.path: file for scanned in plan.files for file in scanned}.values())
        return dict(zip([f.path for f in files], self._lake.locate(files), strict=True))


def _view(scan: Scan, paths: list[str], tail_events: int) -> str:
    table = TABLES[scan.table]
    names = ", ".join(f'"{column.name}"' for column in table.all_columns)
    types = ", ".join(f"'{column.name}': {column.type}" for column in table.partitions)
    parts = []
    if paths:
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        parts.append(
            f"SELECT {names} FROM read_parquet([{listed}], hive_partitioning = true,"
            f" hive_types = {{{types}}})"
        )
    if tail_events:
        parts.append(f"SELECT {names} FROM tb_tail")
    return f"CREATE VIEW {scan.view} AS {' UNION ALL '.join(parts) or _nothing(scan)}"


def _nothing(scan: Scan) -> str:
    nulls = (f'CAST(NULL AS {c.type}) AS "{c.name}"' for c in TABLES[scan.table].all_columns)
    return f"SELECT {', '.join(nulls)} WHERE false"


def _check_limit(scanned: int, limit: int) -> None:
    if scanned > limit:
        raise ScanLimitError(
            f"It would read {scanned} bytes; the limit is {limit}. Narrow date, name fewer"
            " columns, or raise max_scanned_bytes."
        )


def _used(sql: str, statement: Statement) -> dict[str, Any]:
    """Only the parameters of this text: the engine refuses to be given others."""
    return {k: v for k, v in statement.parameters.items() if re.search(rf"\${k}\b", sql)}


def _execute(
    connection: duckdb.DuckDBPyConnection,
    statement: Statement,
    max_rows: int,
    emit: Emit,
    metadata: QueryMetadata,
) -> None:
    values = _used(statement.sql, statement)
    if statement.kind == "explain":
        _explain(connection, statement.sql, values, emit)
        return
    description = connection.execute(statement.sql, values).description
    names, types = [column[0] for column in description], [str(c[1]) for c in description]
    emit([ResultColumn(*pair) for pair in zip(names, map(type_name, types), strict=True)])
    if ZONED in types:
        connection.execute(_without_zones(statement.sql, types), values)
    max_rows = min(max_rows, MAX_RESULT_CELLS // max(len(types), 1))
    cells = Cells()
    for batch in _batches(connection, max_rows, metadata):
        emit([cells.row(row) for row in batch])
    if cells.lost_numbers:
        metadata.hints.append("NaN and infinity are shown as null.")
    if metadata.truncated:
        metadata.hints.append(f"The answer is cut at {max_rows} rows.")


def _without_zones(sql: str, types: list[str]) -> str:
    """Zoned instants as plain ones in UTC: the only form the cells are read in."""
    names = [f"c{number}" for number in range(len(types))]
    shown = (
        f"timezone('UTC', {n})" if t == ZONED else n for n, t in zip(names, types, strict=True)
    )
    return f"SELECT {', '.join(shown)} FROM ({sql}) AS tb_result({', '.join(names)})"


def _batches(
    connection: duckdb.DuckDBPyConnection, max_rows: int, metadata: QueryMetadata
) -> Iterator[list[tuple[Any, ...]]]:
    left = max_rows
    while rows := connection.fetchmany(BATCH_ROWS):
        if len(rows) > left:
            metadata.truncated = True
        if left:
            yield list(islice(rows, left))
        left -= min(left, len(rows))


def _explain(
    connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, Any], emit: Emit
) -> None:
    plan = connection.execute(f"EXPLAIN {sql}", values).fetchall()
    emit([ResultColumn("Query Plan", "varchar")])
    emit([[line] for row in plan for line in str(row[1]).splitlines()])


def _emit_static(statement: Statement, emit: Emit) -> QueryMetadata:
    emit([ResultColumn(name, "varchar") for name in statement.headings])
    emit([list(row) for row in statement.rows])
    return QueryMetadata()


def public_message(error: Exception, root: str) -> str:
    """An engine's message without our names, our paths, or its pointer into our SQL."""
    text = str(error).split("\n\nLINE ")[0].split(", or SET ")[0].strip()
    text = re.sub(r"tb_scan_\d+|tb_tail|tb_result", "events", text)
    return text.replace(str(PurePath(root)), "")[:500]
