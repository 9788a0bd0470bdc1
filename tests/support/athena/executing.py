"""Statements computed: over the lake's files in the emulated S3, by way of a Glue table's
projection and manifests, with DuckDB in the place of Trino.

What it shows is that what the product sends reads the right rows of the right files and comes back
whole; that Trino means the same by a statement it cannot show, since the product's own translation
stands between."""

import datetime as dt
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import duckdb
from msgspec import Struct, field
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from tallybrook.ports.sql import Limits
from tallybrook.sql.connection import SETTINGS, open_connection
from tallybrook.sql.dialect import Statements
from tallybrook.sql.translate import duckdb_text, translate
from tests.support.athena.catalog import BadDataError, Catalog, Part, chunk_bytes
from tests.support.athena.scripted import page
from tests.support.athena.wire import Refused

ACCOUNT = "account_id"
LOOK_S = 0.2
"""How long a look waits for the end: fewer of them."""

_TYPES = {
    "FLOAT": "float", "HUGEINT": "bigint", "BLOB": "varbinary", '"NULL"': "unknown",
    "INTERVAL": "interval day to second",
}  # fmt: skip


class Failed(Exception):  # noqa: N818
    """A statement ends with this reason."""


class Run(Struct):
    """One execution."""

    sql: str
    state: str = "QUEUED"
    reason: str = ""
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    scanned_bytes: int = 0
    connection: duckdb.DuckDBPyConnection | None = None
    stopped: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def statement(self) -> str:
        return "UTILITY" if self.sql.startswith("EXPLAIN ") else "DML"


class Executing:
    """One workgroup over one database. ``between`` is called after a read's first partition."""

    def __init__(self, catalog: Catalog, workgroup: str, database: str) -> None:
        self.catalog, self.workgroup, self.database = catalog, workgroup, database
        self.between: Callable[[], None] = lambda: None
        self.runs: dict[str, Run] = {}
        self._threads: list[threading.Thread] = []
        # A cursor each: its views are its own, and to open a database takes as long as to use it.
        self._db = open_connection(Limits(256 << 20, 1))

    @property
    def busy(self) -> bool:
        """Whether a statement runs."""
        return any(not run.ended.is_set() for run in self.runs.values())

    def close(self) -> None:
        for run in self.runs.values():
            _interrupt(run)
        for thread in self._threads:
            thread.join()
        self._db.close()

    def answer(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        if operation == "StartQueryExecution":
            return self._start(body)
        run = self.runs.get(body["QueryExecutionId"])
        if run is None:
            raise Refused("InvalidRequestException", "QueryExecution was not found")
        if operation == "GetQueryExecution":
            return self._execution(body["QueryExecutionId"], run)
        if operation == "StopQueryExecution":
            _interrupt(run)
            return {}
        if run.state != "SUCCEEDED":
            reason = f"Query has not yet finished. Current state: {run.state}"
            raise Refused("InvalidRequestException", reason)
        return page(run.columns, run.rows, body, headed=run.statement == "DML")

    def _start(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("WorkGroup") != self.workgroup:
            raise Refused("InvalidRequestException", "WorkGroup is not found.")
        run = Run(body["QueryString"])
        try:
            tree = parse_one(run.sql.removeprefix("EXPLAIN "), dialect=Statements)
        except SqlglotError as error:
            raise Refused(
                "InvalidRequestException", str(error), AthenaErrorCode="MALFORMED_QUERY"
            ) from error
        query_id = f"00000000-{len(self.runs):012}"
        self.runs[query_id] = run
        thread = threading.Thread(target=self._execute, args=(run, tree))
        self._threads.append(thread)
        thread.start()
        return {"QueryExecutionId": query_id}

    def _execution(self, query_id: str, run: Run) -> dict[str, Any]:
        run.ended.wait(LOOK_S)
        status: dict[str, Any] = {"State": run.state, "SubmissionDateTime": dt.datetime.now(dt.UTC)}
        if run.reason:
            told = {"ErrorCategory": 2, "ErrorType": 1301, "Retryable": False}
            status |= {"StateChangeReason": run.reason, "AthenaError": told}
        return {
            "QueryExecution": {
                "QueryExecutionId": query_id,
                "Query": run.sql,
                "StatementType": run.statement,
                "WorkGroup": self.workgroup,
                "Status": status,
                "Statistics": {"DataScannedInBytes": run.scanned_bytes},
            }
        }

    def _execute(self, run: Run, tree: exp.Expr) -> None:
        run.state = "RUNNING"
        run.connection = self._db.cursor()
        try:
            run.connection.execute(SETTINGS)
            self._compute(run, run.connection, tree)
            state = "SUCCEEDED"
        except duckdb.InterruptException:
            state = "CANCELLED"
        except (duckdb.Error, Failed, BadDataError) as error:
            state, run.reason = "FAILED", str(error)
        finally:
            run.connection.close()
        run.state = "CANCELLED" if run.stopped else state
        run.ended.set()

    def _compute(self, run: Run, db: duckdb.DuckDBPyConnection, tree: exp.Expr) -> None:
        names = _named(tree)
        for number, table in enumerate(_tables(tree)):
            if table.db != self.database or table.name not in self.catalog.tables:
                raise Failed(f"TABLE_NOT_FOUND: {table.sql()}")
            parts = self._read(table)
            run.scanned_bytes += _scanned_bytes(parts, names)
            db.execute(
                f"CREATE TEMP VIEW read_{number} AS {self.catalog.select(table.name, parts)}"
            )
            table.replace(exp.table_(f"read_{number}"))
        if run.stopped:
            return
        text = duckdb_text(translate(tree, time.time_ns() // 1000))
        if run.statement == "UTILITY":
            plan = db.execute(f"EXPLAIN {text}").fetchall()
            run.columns = [("Query Plan", "varchar")]
            run.rows = [[line] for row in plan for line in str(row[1]).splitlines()]
        else:
            run.columns, run.rows = _result(db, text)

    def _read(self, table: exp.Table) -> list[Part]:
        parts: list[Part] = []
        for part in self.catalog.parts(table.name, {ACCOUNT: _account(table)}):
            if len(parts) == 1:
                self.between()
            parts.append(part)
        return parts


def _interrupt(run: Run) -> None:
    """Nothing happens to one that has ended."""
    if not run.ended.is_set():
        run.stopped = True
        if run.connection is not None:
            run.connection.interrupt()


def _tables(tree: exp.Expr) -> list[exp.Table]:
    """Places that read a table of the catalog, and none of a WITH."""
    return [table for table in tree.find_all(exp.Table) if table.db]


def _account(table: exp.Table) -> str:
    """What the SELECT of the table says is the injected partition, by one equality."""
    select = table.find_ancestor(exp.Select)
    where = select.args.get("where") if select is not None else None
    said = where.this if isinstance(where, exp.Where) else None
    found = [
        str(equal.expression.name)
        for equal in (said.flatten() if isinstance(said, exp.And) else [said])
        if isinstance(equal, exp.EQ) and equal.this.name == ACCOUNT
    ]
    if len(found) != 1:
        raise Failed(
            "CONSTRAINT_VIOLATION: For the injected projected partition column account_id, the"
            " WHERE clause must contain only static equality conditions, and at least one such"
            " condition must be present."
        )
    return found[0]


def _named(tree: exp.Expr) -> set[str] | None:
    """Columns that the statement names outside the SELECT of a table; None: all."""
    inner = {id(table.find_ancestor(exp.Select)) for table in _tables(tree)}
    columns = {
        column.name
        for column in tree.find_all(exp.Column)
        if id(column.find_ancestor(exp.Select)) not in inner
    }
    starred = any(not isinstance(star.parent, exp.Func) for star in tree.find_all(exp.Star))
    return None if starred else columns


def _scanned_bytes(parts: list[Part], names: set[str] | None) -> int:
    sizes = [chunk_bytes(file) for part in parts for file in part.files]
    return sum(
        size
        for found in sizes
        for name, size in found.items()
        if names is None or not name or name in names
    )


def _result(
    db: duckdb.DuckDBPyConnection, text: str
) -> tuple[list[tuple[str, str]], list[list[str | None]]]:
    described = db.execute(f"DESCRIBE {text}").fetchall()
    kinds = [str(row[1]) for row in described]
    names = [f"c{place}" for place in range(len(kinds))]
    shown = [
        f"timezone('UTC', {name})" if kind == "TIMESTAMP WITH TIME ZONE" else name
        for name, kind in zip(names, kinds, strict=True)
    ]
    wrapped = f"SELECT {', '.join(shown)} FROM ({text}) AS tb_result({', '.join(names)})"
    rows = db.execute(wrapped).fetchall()
    columns = [(str(row[0]), _type_of(str(row[1]))) for row in described]
    zoned = [kind.endswith("ZONE") for kind in kinds]
    return columns, [
        [_text(value, utc=utc) for value, utc in zip(row, zoned, strict=True)] for row in rows
    ]


def _type_of(kind: str) -> str:
    if kind.endswith("]"):
        return "array"
    if kind.startswith(("MAP", "STRUCT")):
        return "map" if kind.startswith("MAP") else "row"
    return _TYPES.get(kind, kind.lower())


def _text(value: Any, *, utc: bool = False) -> str | None:
    """A cell as the service writes it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _odd(value)
    if isinstance(value, dt.datetime):
        digits = "microseconds" if value.microsecond % 1000 else "milliseconds"
        return value.isoformat(" ", digits) + (" UTC" if utc else "")
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, list):
        return f"[{', '.join(str(_text(item)) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_text(item)}" for key, item in value.items()) + "}"
    return str(value)


def _odd(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
