"""What is done to a lake now and then: refreshing, retention, and whatever somebody asks for."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from tallybrook.errors import InvalidError
from tallybrook.lake.erasing import erase
from tallybrook.lake.merging import merge_all, plan_merges, told
from tallybrook.lake.retention import retain
from tallybrook.lake.tasks import Op, Task
from tallybrook.lake.writing import Writer

COMPACT_BUDGET_S = 600.0


class Refreshing(Protocol):
    """A table that can be made again."""

    def refresh(self, writer: Writer, *, dry_run: bool = False) -> int: ...


Chore = Callable[[Writer], object]


class Every:
    """A chore that is done at most every ``every_s`` seconds, however often it is called."""

    def __init__(self, every_s: float, chore: Chore) -> None:
        self._every_s, self._chore = every_s, chore
        self._again_at_s = 0.0

    def __call__(self, writer: Writer) -> None:
        if time.monotonic() >= self._again_at_s:
            self._chore(writer)
            self._again_at_s = time.monotonic() + self._every_s


def perform(
    writer: Writer, task: Task, refreshing: Mapping[str, Refreshing] | None = None
) -> dict[str, Any]:
    """Do a task, or tell what it would do; what became of it, for JSON. Every task can be done
    again: what was done is not done twice. Answers are taken in elsewhere (``sql.keeping``)."""
    if task.op not in _DO:
        raise InvalidError(f"{task.op} is not done to the tables alone")
    with writer.lock:
        found = _DO[task.op](writer, task, refreshing or {})
    return {"op": task.op, "dry_run": task.dry_run, **found}


_Refreshing = Mapping[str, Refreshing]


def _compact(writer: Writer, task: Task, _: _Refreshing) -> dict[str, Any]:
    """All partitions, also those that are still written to."""
    if task.dry_run:
        merges = [told(group) for group in plan_merges(writer, quiet_us=0)]
    else:
        merges = merge_all(writer, budget_s=COMPACT_BUDGET_S, quiet_us=0)
    return {"merges": msgspec.to_builtins(merges)}


def _expire(writer: Writer, task: Task, _: _Refreshing) -> dict[str, Any]:
    due = writer.store.due()
    if not task.dry_run:
        writer.store.expire()
    return {"files": len(due), "bytes": sum(file.bytes for file in due)}


def _retention(writer: Writer, task: Task, _: _Refreshing) -> dict[str, Any]:
    passing = retain(writer, task.days, dry_run=task.dry_run)
    return {"tables": msgspec.to_builtins(passing)}


def _refresh(writer: Writer, task: Task, refreshing: _Refreshing) -> dict[str, Any]:
    parts = {
        name: table.refresh(writer, dry_run=task.dry_run) for name, table in refreshing.items()
    }
    return {"parts": parts}


def _erase(writer: Writer, task: Task, _: _Refreshing) -> dict[str, Any]:
    erasure = erase(writer, task.account_id, task.names, task.up_to, dry_run=task.dry_run)
    found: dict[str, Any] = msgspec.to_builtins(erasure)
    return found


_DO: Mapping[Op, Callable[[Writer, Task, _Refreshing], dict[str, Any]]] = {
    "compact": _compact,
    "expire": _expire,
    "retention": _retention,
    "refresh": _refresh,
    "erase": _erase,
}
