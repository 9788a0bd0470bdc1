"""The SQL engine: one read-only statement of one account over the lake and the log's tail.

Guarantees of every backend
---------------------------
* **Read-only and own rows.** Whatever the text, a statement reads the caller's account and
  nothing else: no other account, file, host, setting or environment.
* **Fresh and whole.** A query sees every event acknowledged before it began, once each, as of one
  snapshot; writing and compacting meanwhile change nothing in it.
* **Bounded.** Bytes scanned are checked before running; memory and rows while running. A question
  has one deadline, which its wait, its price and its run share. A query over a limit ends with its
  own error, and the next query is answered.
* **Bound parameters.** A parameter is a value, never text of the statement.
* **Exactly the asked types.** Values arrive as JSON can carry them without loss; see ``Value``.
* **Kept answers.** The same statement with the same parameters is answered from what is kept
  (``from_cache``) as long as no file and no event it reads has changed, and costs nothing then.
  An answer may be given up at any time: its pages are ``NotFoundError`` from then on.
* **Own executions.** An execution is there for the account that began it alone.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import Struct, field

from tallybrook.errors import FieldError, TallybrookError, TerminalError

if TYPE_CHECKING:
    from pathlib import Path

Parameter = str | int | float | bool | None
"""What a ``{{name}}`` may be bound to. Dates and timestamps are ISO text, CAST in the statement."""

Value = Any
"""A cell: null, boolean, number, text, list or object.

Timestamps are RFC 3339 text ending in Z, dates ISO text, times and intervals text, decimals text
with all their digits, integers past ±2^53 text, binary lower-case hex, NaN and infinities null
(with a hint that says so).
"""

MAX_TIMEOUT_S = 300.0
DEFAULT_MAX_SCANNED_BYTES = 1 << 30
DEFAULT_MAX_ROWS = 10_000
MAX_ROWS = 1_000_000
MAX_EXPORT_ROWS = 50_000_000

Format = Literal["ndjson", "csv", "xlsx", "parquet"]
"""What an answer is exported as."""

FORMATS: tuple[Format, ...] = ("ndjson", "csv", "xlsx", "parquet")

ExecutionState = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class Limits(Struct, frozen=True):
    """What one running query may use. The process that runs it is watched from outside besides."""

    memory_bytes: int = 1 << 30
    threads: int = 2


class QueryRequest(Struct, kw_only=True):
    """One question. ``timeout_s`` is the time from when it is asked to the end of its answer, with
    its wait and its price; it is capped at ``MAX_TIMEOUT_S``, ``max_rows`` at ``MAX_ROWS``
    (``MAX_EXPORT_ROWS`` in an export).

    ``full_scan`` allows a statement without a partition filter. ``dry_run`` prices it only:
    columns and rows stay empty. ``page_rows`` is how many rows an answer holds at once, None: all.
    """

    account_id: str
    sql: str
    parameters: Mapping[str, Parameter] = {}
    max_scanned_bytes: int = DEFAULT_MAX_SCANNED_BYTES
    timeout_s: float = MAX_TIMEOUT_S
    max_rows: int = DEFAULT_MAX_ROWS
    full_scan: bool = False
    dry_run: bool = False
    page_rows: int | None = None


class ResultColumn(Struct, frozen=True):
    """``type`` is the name Athena gives it (varchar, bigint, double, timestamp, …)."""

    name: str
    type: str


class QueryMetadata(Struct, kw_only=True):
    """What it took. ``scanned_bytes``: compressed bytes of the touched columns and partitions,
    which is what Athena charges for; ``read_bytes``: what was really read, 0 where nobody can say.
    An answer that was kept (``from_cache``) scans nothing and costs nothing. ``rows`` is how many
    there are on all pages.

    ``position`` is the log sequence number up to which the answer is complete, ``tail_events``
    how many of its events came from the log because the lake did not have them yet.
    """

    execution_ms: float = 0.0
    scanned_bytes: int = 0
    read_bytes: int = 0
    estimated_usd: float = 0.0
    from_cache: bool = False
    next_token: str | None = None
    snapshot: int = 0
    position: int = 0
    tail_events: int = 0
    files: int = 0
    rows: int | None = None
    truncated: bool = False
    hints: list[str] = field(default_factory=list)


class QueryResult(Struct, kw_only=True):
    execution_id: str
    columns: list[ResultColumn]
    rows: list[list[Value]]
    metadata: QueryMetadata


class Execution(Struct, kw_only=True):
    """A statement that was submitted. Instants are microseconds; ``rows`` and ``metadata`` are
    there when it succeeded, ``error`` when it did not."""

    execution_id: str
    state: ExecutionState
    submitted_at: int
    ended_at: int | None = None
    rows: int | None = None
    metadata: QueryMetadata | None = None
    error: TallybrookError | None = None


class QueryRefusedError(TerminalError):
    """The statement is not one that may run; the detail says why and what to write instead."""

    status, slug, title = 400, "query-refused", "Query refused"

    def __init__(self, reason: str, fix: str = "", pointer: str = "/sql") -> None:
        detail = f"{reason} {fix}".strip()
        super().__init__(detail, (FieldError(pointer, detail),))
        self.reason, self.fix = reason, fix


class QueryFailedError(TerminalError):
    """The statement was accepted and could not be computed (a bad cast, a division by zero)."""

    status, slug, title = 400, "query-failed", "Query failed"


class ScanLimitError(TerminalError):
    """It would read more bytes than allowed; nothing was read."""

    status, slug, title = 400, "scan-limit", "Scan limit exceeded"


class QueryTimeoutError(TerminalError):
    """It ran longer than allowed and was stopped."""

    status, slug, title = 408, "query-timeout", "Query timed out"


class QueryMemoryError(TerminalError):
    """It needed more memory than allowed and was stopped."""

    status, slug, title = 400, "query-memory", "Query out of memory"


class QueryCancelledError(TerminalError):
    """It was stopped because somebody asked for that."""

    status, slug, title = 409, "query-cancelled", "Query cancelled"


class SqlEngine(Protocol):
    """Any number of concurrent calls; how many statements run at once is the engine's affair."""

    async def start(self) -> None:
        """Make ready; returns when the first query would not have to wait for a start."""

    async def run(self, request: QueryRequest) -> QueryResult:
        """Answer with the first page, or raise one of the errors above, or ``RateLimitedError``
        when too many wait or its turn does not come in time. Cancelling the task stops the
        query."""

    async def submit(self, request: QueryRequest) -> str:
        """Begin, and return the id of the execution at once."""

    async def status(self, account_id: str, execution_id: str) -> Execution:
        """How an execution stands. ``NotFoundError`` for one that is not (or no longer) known."""

    async def page(
        self, account_id: str, execution_id: str, token: str | None = None, page_rows: int = 10_000
    ) -> QueryResult:
        """A page of the answer: the first, or what ``next_token`` of another page names. A token
        begins with the id of its execution and a dot.

        Pages hold the rows in their order, each once. Waits for an execution that runs. Raises the
        error of one that failed, and ``NotFoundError`` when the answer is no longer kept.
        """

    async def cancel(self, account_id: str, execution_id: str) -> bool:
        """Stop an execution; False when it had ended. ``NotFoundError`` as in ``status``."""

    async def export(self, request: QueryRequest, form: Format, to: "Path") -> QueryMetadata:
        """Write the whole answer to a file, which is only whole when this returns."""

    async def forget(self, account_id: str) -> None:
        """Give up every answer that is kept for an account: somebody in it was erased."""

    async def close(self) -> None:
        """Stop what runs and free everything."""
