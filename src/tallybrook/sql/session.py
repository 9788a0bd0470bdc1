"""One statement from text to rows, inside the child process."""

import re
import time
from collections.abc import Mapping
from pathlib import PurePath

import duckdb
from msgspec import Struct

from tallybrook.lake.scan import Located, nothing, select_files
from tallybrook.lake.tables import TABLES, Table, Tables
from tallybrook.lake.tables.results import tables_of
from tallybrook.ports.lake import DataFile, LakeReader, Snapshot
from tallybrook.ports.log import LogReader
from tallybrook.ports.sql import (
    Limits,
    QueryMetadata,
    QueryRefusedError,
    QueryRequest,
    ResultColumn,
    ScanLimitError,
)
from tallybrook.ports.sql.frames import Export
from tallybrook.sql import macros, price, tail
from tallybrook.sql.connection import lock, open_connection, open_plain
from tallybrook.sql.execution import Emit, run, used
from tallybrook.sql.export import export as write
from tallybrook.sql.guard import Scan, Statement, guard
from tallybrook.sql.pruning import Bound
from tallybrook.sql.reading import reading
from tallybrook.sql.version import version

EXACT_ROWS = 2_000_000
"""Up to so many rows ``approx_distinct`` counts exactly: it costs little then."""


class Plan(Struct):
    """The files each scan reads, and what that costs."""

    files: list[list[DataFile]]
    scanned_bytes: int

    @property
    def rows(self) -> int:
        """Rows of all files, as often as they are read."""
        return sum(file.rows for scanned in self.files for file in scanned)


class View(Struct, frozen=True):
    """What an account has at one moment: its snapshot, and the tables that there are in it."""

    snapshot: Snapshot
    tables: Tables


class Outcome(Struct):
    """What a statement took. ``version`` is that of its answer, "" where it has none; ``same``
    says that it is the known one, and was not computed again."""

    metadata: QueryMetadata
    version: str = ""
    same: bool = False


class Session:
    """Answers one request after the other. Not thread-safe; a process has one."""

    def __init__(self, lake: LakeReader, log: LogReader, limits: Limits) -> None:
        self._lake, self._log, self._limits = lake, log, limits
        self._calculator = open_connection(limits)
        lock(self._calculator, ())
        self._next, self._fresh = open_plain(limits), True

    def run(
        self, request: QueryRequest, emit: Emit, *, known: str = "", export: Export | None = None
    ) -> Outcome:
        """Columns, then batches of rows, are given to ``emit``; the rest is returned.

        Nothing is emitted where ``known`` is the version of the answer, or it goes to a file.
        """
        started = time.perf_counter()
        view = self._view(request.account_id)
        statement = guard(
            request.sql,
            request.parameters,
            now_us=time.time_ns() // 1000,
            full_scan=request.full_scan,
            # One more than is shown is asked for, to tell a cut answer; a file is cut in silence.
            max_rows=request.max_rows - (export is not None),
            tables=view.tables,
        )
        if statement.kind == "static":
            outcome = Outcome(_emit_static(statement, emit))
        else:
            outcome = self._run(statement, view, request, emit, known, export)
        outcome.metadata.execution_ms = round((time.perf_counter() - started) * 1e3, 3)
        return outcome

    def warm(self) -> None:
        """Have everything loaded that a first statement would load, but for what reads a tail."""
        guard(
            "SELECT event_type, count(*) FROM events WHERE date >= current_date GROUP BY 1",
            now_us=time.time_ns() // 1000,
        )
        self._calculator.execute("SELECT epoch_us(CAST(('2024-01-01') AS TIMESTAMP))").fetchone()

    def prepare(self) -> None:
        """A fresh connection for the next statement, made while nobody waits. What was refused,
        or priced alone, has not used the one that there is."""
        if not self._fresh:
            self._next.close()
            self._next, self._fresh = open_plain(self._limits), True

    def _view(self, account_id: str) -> View:
        snapshot = self._lake.snapshot(account_id)
        results = tables_of((file.table, file.source) for file in snapshot.files)
        return View(snapshot, {**TABLES, **results})

    def _run(
        self,
        statement: Statement,
        view: View,
        request: QueryRequest,
        emit: Emit,
        known: str,
        export: Export | None,
    ) -> Outcome:
        snapshot = view.snapshot
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
            return Outcome(metadata)
        _check_limit(plan.scanned_bytes, request.max_scanned_bytes)
        text = statement.exact_sql if plan.rows <= EXACT_ROWS else statement.sql
        folder = None if export is None else str(PurePath(export.path).parent)
        self._open_tables(statement, request.account_id, view, plan, metadata, folder)
        tail_ = (snapshot.position, metadata.tail_events)
        now = version(text, statement.parameters, plan.files, tail_, snapshot.erased)
        if known == now:
            metadata.from_cache, metadata.scanned_bytes, metadata.estimated_usd = True, 0, 0.0
            return Outcome(metadata, now, same=True)
        macros.define_used(self._next, text)
        with reading(metadata):
            if export is None:
                run(self._next, text, statement, request.max_rows, emit, metadata)
            else:
                self._write(text, statement, request.max_rows, export, metadata)
        return Outcome(metadata, now)

    def _write(
        self,
        sql: str,
        statement: Statement,
        max_rows: int,
        to: Export,
        metadata: QueryMetadata,
    ) -> None:
        if statement.kind != "select":
            raise QueryRefusedError("A plan is not exported.", "Ask for it without a format.")
        metadata.rows = write(self._next, sql, used(sql, statement), to.form, to.path)
        metadata.truncated = metadata.rows >= max_rows

    def _plan(self, statement: Statement, snapshot: Snapshot) -> Plan:
        instants = self._instants(statement)
        files = [
            price.select_files(snapshot.of(s.table), s.need, instants) for s in statement.scans
        ]
        sizes = [
            price.scanned_bytes(part, scan.columns)
            for part, scan in zip(files, statement.scans, strict=True)
        ]
        return Plan(files, sum(sizes))

    def _instants(self, statement: Statement) -> Mapping[Bound, int | None]:
        """The bounds evaluated by the engine; if it cannot, nothing is pruned."""
        found = list({b: None for scan in statement.scans for b in price.bounds(scan.need)})
        texts = list(dict.fromkeys(bound.sql for bound in found))
        if not texts:
            return {}
        query = "SELECT " + ", ".join(f"epoch_us(CAST(({sql}) AS TIMESTAMP))" for sql in texts)
        try:
            row = self._calculator.execute(query, used(query, statement)).fetchone()
        except duckdb.Error:
            return {}
        values = dict(zip(texts, row or (), strict=True))
        return {bound: values[bound.sql] for bound in found}

    def _open_tables(
        self,
        statement: Statement,
        account_id: str,
        view: View,
        plan: Plan,
        metadata: QueryMetadata,
        folder: str | None = None,
    ) -> None:
        """The views the statement reads: lake files of the snapshot, then the log after it."""
        self._fresh = False
        tables = sorted({scan.table for scan in statement.scans})
        end = tail.load(self._next, self._log, account_id, view.snapshot, tables)
        metadata.position, metadata.tail_events = end.position, end.events
        if end.events > tail.LONG_TAIL:
            metadata.hints.append(
                f"The lake is behind: {end.events} events were read from the log, which is slower."
            )
        located = self._locate(plan)
        for scan, files in zip(statement.scans, plan.files, strict=True):
            table = view.tables[scan.table]
            self._next.execute(_view(scan, table, [(f, located[f.path]) for f in files], end))
        folders = [self._lake.folder(account_id, table) for table in tables]
        lock(self._next, folders if folder is None else [*folders, folder])

    def _locate(self, plan: Plan) -> dict[str, str]:
        """All files of the statement at once: a backend may have to bring them here."""
        files = list({file.path: file for scanned in plan.files for file in scanned}.values())
        return dict(zip([f.path for f in files], self._lake.locate(files), strict=True))


def _view(scan: Scan, table: Table, files: list[Located], end: tail.Tail) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.all_columns)
    parts = [select_files(table, files)] if files else []
    if end.rows.get(table.name):
        parts.append(f"SELECT {names} FROM {tail.name_of(table.name)}")
    return f"CREATE VIEW {scan.view} AS {' UNION ALL '.join(parts) or nothing(table)}"


def _check_limit(scanned: int, limit: int) -> None:
    if scanned > limit:
        raise ScanLimitError(
            f"It would read {scanned} bytes; the limit is {limit}. Narrow date, name fewer"
            " columns, or raise max_scanned_bytes."
        )


def _emit_static(statement: Statement, emit: Emit) -> QueryMetadata:
    emit([ResultColumn(name, "varchar") for name in statement.headings])
    emit([list(row) for row in statement.rows])
    return QueryMetadata()


def public_message(error: Exception, root: str) -> str:
    """An engine's message without our names, our paths, or its pointer into our SQL."""
    text = str(error).split("\n\nLINE ")[0].split(", or SET ")[0].strip()
    text = re.sub(r"tb_tail_(\w+)", r"\1", text)
    text = re.sub(r"tb_scan_\d+|tb_result", "events", text)
    return text.replace(str(PurePath(root)), "")[:500]
