"""Athena's answers by rule: for states, types, pages and faults that no execution here produces."""

import threading
from typing import Any

from msgspec import Struct, field

MIB = 2**20
Status = dict[str, Any]
SUCCEEDED: Status = {"State": "SUCCEEDED"}


class Scripted(Struct):
    """What is told of every statement, and what was asked. ``statuses`` are what one look after the
    other sees; the last stays. ``before`` are what operations wait for."""

    columns: list[tuple[str, str]] = field(default_factory=lambda: [("seq", "bigint")])
    rows: list[list[str | None]] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=lambda: [SUCCEEDED])
    statement: str = "DML"
    scanned_bytes: int = 25 * MIB
    asked: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    before: dict[str, threading.Event] = field(default_factory=dict)

    def answer(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        if gate := self.before.get(operation):
            gate.wait(30)
        return {
            "StartQueryExecution": self._start,
            "GetQueryExecution": self._execution,
            "GetQueryResults": self._results,
            "StopQueryExecution": self._stop,
        }[operation](body)

    def _start(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body)
        return {"QueryExecutionId": f"q{len(self.asked)}"}

    def _stop(self, body: dict[str, Any]) -> dict[str, Any]:
        self.stopped.append(body["QueryExecutionId"])
        return {}

    def _execution(self, body: dict[str, Any]) -> dict[str, Any]:
        told = {
            "Status": self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0],
            "StatementType": self.statement,
            "Statistics": {"DataScannedInBytes": self.scanned_bytes},
        }
        return {"QueryExecution": {"QueryExecutionId": body["QueryExecutionId"], **told}}

    def _results(self, body: dict[str, Any]) -> dict[str, Any]:
        headed = self.statement == "DML"
        return page(self.columns, self.rows, body, headed=headed)


def page(
    columns: list[tuple[str, str]],
    rows: list[list[str | None]],
    body: dict[str, Any],
    *,
    headed: bool,
) -> dict[str, Any]:
    """``GetQueryResults`` as the service answers it: at most 1000 rows, of which the first page's
    first is the names where it is ``headed``; a null has no text. A decimal is written
    ``decimal(4,2)`` here and told in three parts."""
    shown: list[list[str | None]] = [[name for name, _ in columns], *rows] if headed else rows
    first, most = int(body.get("NextToken", "0")), body.get("MaxResults", 1000)
    last = first + most
    data = [
        {"Data": [{} if text is None else {"VarCharValue": text} for text in row]}
        for row in shown[first:last]
    ]
    info = [_info(name, kind) for name, kind in columns]
    found = {"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": info}}}
    return found | ({"NextToken": str(last)} if last < len(shown) else {})


def _info(name: str, kind: str) -> dict[str, Any]:
    told: dict[str, Any] = {"Name": name, "Label": name, "Nullable": "UNKNOWN"}
    if kind.startswith("decimal("):
        precision, scale = kind[8:-1].split(",")
        return told | {"Type": "decimal", "Precision": int(precision), "Scale": int(scale)}
    return told | {"Type": kind, "Precision": 0, "Scale": 0}
