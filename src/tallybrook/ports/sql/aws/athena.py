"""The SQL engine of higher tiers: Athena, over the manifests that the lake's writer puts.

What it promises otherwise than the contract: an answer is of the lake's last commit, which
``metadata.position`` names; events that are in the log alone follow with the next one. What is
committed while it runs may show in part. Every statement goes through the same guard and is priced
from the same catalog by the engine beside it, which also answers what reads no data or a table of
results, and writes exports. What an answer cost is what Athena says that it scanned.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tallybrook.ports.sql import (
    MAX_ROWS,
    Format,
    QueryMetadata,
    QueryRequest,
    QueryResult,
    ScanLimitError,
    SqlEngine,
    frames,
)
from tallybrook.ports.sql.aws import asking
from tallybrook.ports.sql.aws.service import Athena
from tallybrook.ports.sql.results import MAX_BYTES, REUSE_S, Answer, Results, Writing
from tallybrook.ports.sql.running import Executing, Running, checked
from tallybrook.sql.athena import AthenaStatement, athena, may_read_results

_PAGE_ROWS = 10_000


class AthenaSqlEngine(Executing):
    """``ports.sql.SqlEngine`` over a workgroup. Belongs to one event loop.

    ``beside`` guards and prices, and is started and closed with this one. ``settled`` says whether
    Athena sees the lake as the catalog has it, so that an answer may be kept for who asks again.
    """

    def __init__(
        self,
        beside: SqlEngine,
        service: Athena,
        *,
        settled: Callable[[], bool],
        scratch: Path | None = None,
        result_bytes: int = MAX_BYTES,
        reuse_s: float = REUSE_S,
    ) -> None:
        self._beside, self._service, self._settled = beside, service, settled
        self._scratch = scratch
        self._results = Results(result_bytes, reuse_s=reuse_s)
        self._running = Running(self._work, self._results)

    async def start(self) -> None:
        if self._scratch is not None:
            self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._beside.start()

    async def submit(self, request: QueryRequest) -> str:
        return self._running.submit(checked(request, MAX_ROWS))

    async def export(self, request: QueryRequest, form: Format, to: Path) -> QueryMetadata:
        return await self._beside.export(request, form, to)

    async def forget(self, account_id: str) -> None:
        self._results.forget(account_id)
        await self._beside.forget(account_id)

    async def close(self) -> None:
        await self._running.close()
        await self._beside.close()

    async def _work(
        self, execution_id: str, request: QueryRequest, begin: Callable[[], None]
    ) -> Answer:
        if may_read_results(request.sql):
            begin()
            answer = await self._beside_whole(request)
            self._results.keep(execution_id, answer)
            return answer
        asked = msgspec.structs.replace(request, dry_run=True, page_rows=None)
        priced = await self._beside.run(asked)
        statement = await asyncio.to_thread(_written, request, self._service.database)
        if statement.kind == "static" or request.dry_run:
            answer = await self._told(request.account_id, priced)
        else:
            _check_limit(priced.metadata.scanned_bytes, request.max_scanned_bytes)
            answer = await self._known_or_new(request, statement, priced.metadata, begin)
        self._results.keep(execution_id, answer)
        return answer

    async def _beside_whole(self, request: QueryRequest) -> Answer:
        """All pages of what the engine beside this one answers: it has the tables of results, which
        are nothing that Athena knows of. A name that only looks like one is answered right too."""
        asked = msgspec.structs.replace(request, page_rows=_PAGE_ROWS)
        return await self._told(request.account_id, await self._beside.run(asked))

    async def _told(self, account_id: str, page: QueryResult) -> Answer:
        """What the engine beside this one answered: this page and those after it."""
        writing = Writing(account_id, self._scratch)
        try:
            writing(frames.Heading(page.columns))
            writing(frames.pack(page.rows))
            while token := page.metadata.next_token:
                page = await self._beside.page(account_id, page.execution_id, token, _PAGE_ROWS)
                writing(frames.pack(page.rows))
        except BaseException:
            writing.answer.close()
            raise
        writing.answer.metadata = page.metadata
        return writing.answer

    async def _known_or_new(
        self,
        request: QueryRequest,
        statement: AthenaStatement,
        priced: QueryMetadata,
        begin: Callable[[], None],
    ) -> Answer:
        """An answer of the same data is the same, unless the statement asks for the time."""
        settled = await asyncio.to_thread(self._settled)
        if not settled:
            priced.hints.append(
                "The lake is being written: rows of its last commit may be missing."
            )
        same = statement.fixed and settled
        version = f"{priced.snapshot}.{priced.position}" if same else ""
        key = _key_of(request.account_id, statement.sql) if same else b""
        known = self._results.same(key) if same else None
        if known is not None and known.version == version and not known.file.closed:
            metadata = msgspec.structs.replace(
                known.metadata,
                from_cache=True,
                scanned_bytes=0,
                read_bytes=0,
                estimated_usd=0.0,
                execution_ms=0.0,
            )
            return msgspec.structs.replace(known, metadata=metadata)
        answer = await self._asked(request, statement, priced, begin)
        answer.key, answer.version = key, version
        return answer

    async def _asked(
        self,
        request: QueryRequest,
        statement: AthenaStatement,
        priced: QueryMetadata,
        begin: Callable[[], None],
    ) -> Answer:
        started = time.perf_counter()
        writing = Writing(request.account_id, self._scratch)
        metadata = msgspec.structs.replace(priced, scanned_bytes=0, estimated_usd=0.0)
        writing.answer.metadata = metadata
        try:
            await asking.ask(self._service, statement, request.max_rows, writing, begin)
        except BaseException:
            writing.answer.close()
            raise
        metadata.execution_ms = round((time.perf_counter() - started) * 1e3, 3)
        return writing.answer


def _written(request: QueryRequest, database: str) -> AthenaStatement:
    return athena(
        request.sql,
        request.parameters,
        account_id=request.account_id,
        database=database,
        now_us=time.time_ns() // 1000,
        full_scan=request.full_scan,
        max_rows=request.max_rows,
    )


def _check_limit(scanned: int, limit: int) -> None:
    if scanned > limit:
        raise ScanLimitError(
            f"It would read {scanned} bytes; the limit is {limit}. Narrow date, name fewer"
            " columns, or raise max_scanned_bytes."
        )


def _key_of(account_id: str, sql: str) -> bytes:
    """What makes two questions the same, data apart: the text has the parameters and the limit."""
    return hashlib.blake2b(f"{account_id}\0{sql}".encode(), digest_size=16).digest()
