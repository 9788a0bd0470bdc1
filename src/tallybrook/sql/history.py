"""What was asked, and what it took: the executions of an account, newest first, for 90 days."""

import uuid
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.errors import InvalidError, TallybrookError
from tallybrook.events.instants import format_instant
from tallybrook.ports.sql import Execution, ExecutionState, QueryMetadata
from tallybrook.ports.state import State

KEEP_S = 90 * 86_400
MAX_SQL = 4_000
_LATEST = 10**17


class Past(Struct, kw_only=True):
    """One execution. ``usd`` is what Athena's price for it is; instants are microseconds."""

    execution_id: str = ""
    sql: str
    query_id: str = ""
    format: str = "json"
    state: ExecutionState = "queued"
    submitted_at: int
    ended_at: int | None = None
    execution_ms: float | None = None
    scanned_bytes: int | None = None
    usd: float | None = None
    rows: int | None = None
    from_cache: bool = False
    error: str | None = None

    def ended(
        self,
        now_us: int,
        metadata: QueryMetadata | None,
        error: TallybrookError | None,
    ) -> None:
        """Fill in how it ended."""
        self.execution_id = self.execution_id or uuid.uuid4().hex
        self.sql = self.sql[:MAX_SQL]
        self.ended_at = now_us
        if error is not None:
            self.state = "cancelled" if error.slug == "query-cancelled" else "failed"
            self.error = f"{error.title}: {error.detail}"[:500]
        if metadata is not None:
            self.state, self.rows, self.from_cache = "succeeded", metadata.rows, metadata.from_cache
            self.execution_ms, self.usd = metadata.execution_ms, metadata.estimated_usd
            self.scanned_bytes = metadata.scanned_bytes

    def shown(self) -> "ShownExecution":
        times = {"submitted_at": format_instant(self.submitted_at)}
        if self.ended_at is not None:
            times["ended_at"] = format_instant(self.ended_at)
        return ShownExecution(**(msgspec.structs.asdict(self) | {"ended_at": None} | times))


class ShownExecution(Struct, kw_only=True):
    """An execution as it is shown; instants are RFC 3339. ``usd`` is Athena's price for it."""

    execution_id: str
    sql: str
    query_id: str
    format: str
    state: ExecutionState
    submitted_at: str
    ended_at: str | None
    execution_ms: float | None
    scanned_bytes: int | None
    usd: float | None
    rows: int | None
    from_cache: bool
    error: str | None


_decoder = msgspec.json.Decoder(Past)


def past_of(execution: Execution, begun: Past) -> Past:
    """An execution that the engine knows, in the form of the history."""
    found = msgspec.structs.replace(
        begun,
        execution_id=execution.execution_id,
        state=execution.state,
        submitted_at=execution.submitted_at,
    )
    if execution.ended_at is not None:
        found.ended(execution.ended_at, execution.metadata, execution.error)
    return found


def record(state: State, account_id: str, past: Past) -> None:
    """Keep an execution that has ended."""
    expires = past.submitted_at // 1_000_000 + KEEP_S
    value = msgspec.json.encode(past)
    place = f"{_LATEST - past.submitted_at:018d}-{past.execution_id}"
    state.put(_partition(account_id), place, value, expires_at_s=expires)
    state.put(_ids(account_id), past.execution_id, place.encode(), expires_at_s=expires)


def recent(
    state: State, account_id: str, limit: int, cursor: str | None
) -> tuple[list[Past], str | None]:
    """The newest executions, and the cursor of the next ones."""
    if cursor is not None and (len(cursor) > 60 or not cursor.replace("-", "").isalnum()):
        raise InvalidError.of("/cursor", "is not one that was given out")
    found = state.query(_partition(account_id), after=cursor, limit=limit)
    following = found[-1].key if len(found) == limit else None
    return [_decoder.decode(item.value) for item in found], following


def find(state: State, account_id: str, execution_id: str) -> Past | None:
    """An execution by its id."""
    place: Any = state.get(_ids(account_id), execution_id[:64])
    item = None if place is None else state.get(_partition(account_id), place.value.decode())
    return None if item is None else _decoder.decode(item.value)


def _partition(account_id: str) -> str:
    return f"executions#{account_id}"


def _ids(account_id: str) -> str:
    return f"execution-ids#{account_id}"
