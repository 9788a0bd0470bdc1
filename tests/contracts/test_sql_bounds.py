"""What every SQL engine promises of what a question may take (``tallybrook.ports.sql``): priced,
limited, paged, kept, followed and stopped."""

import asyncio
import time
from pathlib import Path

import duckdb
import msgspec
import pytest

from tallybrook.errors import InvalidError, NotFoundError, RateLimitedError
from tallybrook.ports.sql import (
    QueryCancelledError,
    QueryFailedError,
    QueryRefusedError,
    QueryRequest,
    QueryTimeoutError,
    ScanLimitError,
)
from tests.contracts.engines import ALL, ENDLESS, Place
from tests.contracts.parity import lacks
from tests.support.waiting import wait_for

WIDE = f"SELECT * FROM events WHERE {ALL}"


def test_scan_limit_and_price(place: Place) -> None:
    """Priced by the touched columns and days before anything is read; refused over the limit."""
    account = place.account()
    place.data.append(5_000, account, properties=b'{"plan":"pro"}')
    place.data.flush()
    narrow = "SELECT count(user_id) FROM events WHERE date = date '2024-05-01'"
    price = place.run(WIDE, account, dry_run=True)
    assert price.columns == price.rows == []
    less = place.run(narrow, account, dry_run=True).metadata.scanned_bytes
    assert price.metadata.scanned_bytes > less > 0
    assert price.metadata.estimated_usd == pytest.approx(10 / 2**20 * 5)
    with pytest.raises(ScanLimitError, match="limit is 100"):
        place.run(WIDE, account, max_scanned_bytes=100)
    actual = place.run(WIDE, account).metadata
    assert actual.scanned_bytes >= price.metadata.scanned_bytes
    assert actual.estimated_usd == price.metadata.estimated_usd


@lacks("athena", "What an answer scanned is what Athena says, which may be more than the price.")
def test_what_was_priced_is_what_was_scanned(place: Place) -> None:
    """A query scans what it was priced for, to the byte."""
    account = place.account()
    place.data.append(100, account)
    place.data.flush()
    price = place.run(WIDE, account, dry_run=True).metadata
    assert place.run(WIDE, account).metadata.scanned_bytes == price.scanned_bytes > 0


def test_row_limit(place: Place) -> None:
    """An answer is cut at max_rows and says so; exactly max_rows rows are not cut."""
    account, base = place.account(), place.data.head
    place.data.append(20, account)
    sql = f"SELECT seq FROM events WHERE {ALL} ORDER BY seq"
    cut = place.run(sql, account, max_rows=7)
    assert [seq - base for (seq,) in cut.rows] == [1, 2, 3, 4, 5, 6, 7]
    assert cut.metadata.truncated
    assert not place.run(sql, account, max_rows=20).metadata.truncated
    assert place.run(sql, account, max_rows=0).rows == []


@pytest.mark.parametrize("limit", [{"timeout_s": 0}, {"timeout_s": -1.0}, {"max_rows": -1}])
def test_limits_that_are_none_are_refused(place: Place, limit: dict[str, float]) -> None:
    """No time at all, and fewer rows than none, are refused before anything runs."""
    with pytest.raises(QueryRefusedError):
        place.ask("SELECT 1", **limit)


def test_pages_hold_every_row_once(place: Place) -> None:
    """In their order, whatever their size; a token of another execution is refused, and an
    execution is there for its account alone."""
    account, base = place.account(), place.data.head
    engine, runner = place.engine, place.runner
    place.data.append(25, account)
    first = place.run(f"SELECT seq FROM events WHERE {ALL} ORDER BY seq", account, page_rows=10)
    pages, token = [first.rows], first.metadata.next_token
    while token:
        page = runner.run(engine.page(account, first.execution_id, token, 10))
        pages.append(page.rows)
        token = page.metadata.next_token
    assert [len(rows) for rows in pages] == [10, 10, 5]
    assert [seq - base for rows in pages for (seq,) in rows] == list(range(1, 26))
    whole = runner.run(engine.page(account, first.execution_id, None, 100))
    assert len(whole.rows) == 25
    with pytest.raises(InvalidError):
        runner.run(engine.page(account, first.execution_id, "x.10", 10))
    for other, execution in (("beta", first.execution_id), (account, "none")):
        with pytest.raises(NotFoundError):
            runner.run(engine.page(other, execution))
        with pytest.raises(NotFoundError):
            runner.run(engine.status(other, execution))


def asked(place: Place, account: str, x: int = 1) -> tuple[int, bool]:
    """How many events an account has, and whether the answer was there already."""
    sql = f"SELECT count(*), {{{{x}}}} FROM events WHERE {ALL}"
    result = place.run(sql, account, parameters={"x": x})
    assert (result.metadata.estimated_usd == 0) == result.metadata.from_cache
    return result.rows[0][0], result.metadata.from_cache


def test_an_answer_is_kept_until_something_changes(place: Place) -> None:
    """The same question costs nothing; another parameter, an event of the account or an erasure
    makes it a new one."""
    account, data = place.account(), place.data
    data.append(5, account)
    found = [asked(place, account, x) for x in (1, 1, 2, 1)]
    assert found == [(5, False), (5, True), (5, False), (5, True)]
    data.append(1, account)
    assert [asked(place, account), asked(place, account)] == [(6, False), (6, True)]
    data.flush()
    data.append(1, account)
    assert [asked(place, account), asked(place, account)] == [(7, False), (7, True)]
    place.runner.run(place.engine.forget(account))
    assert asked(place, account) == (7, False)
    assert not place.run("SELECT now()").metadata.from_cache
    assert not place.run("SELECT now()").metadata.from_cache


@lacks("athena", "An answer is computed anew after any commit of the lake, whoever's rows it has.")
def test_an_answer_is_kept_whatever_others_do(place: Place) -> None:
    """A kept answer stays when somebody else has a new event."""
    account = place.account()
    place.data.append(5, account)
    assert asked(place, account) == (5, False)
    place.data.append(3, place.account())
    assert asked(place, account) == (5, True)


def test_an_execution_is_followed_and_cancelled(place: Place) -> None:
    """It begins at once, tells how it stands, and ends when it is told to."""
    engine = place.engine

    async def follow() -> None:
        endless = QueryRequest(account_id="acme", sql=ENDLESS)
        execution = await engine.submit(endless)
        assert (await engine.status("acme", execution)).state in ("queued", "running")
        with pytest.raises(NotFoundError):
            await engine.cancel("beta", execution)
        assert await engine.cancel("acme", execution)
        with pytest.raises(QueryCancelledError):
            await engine.page("acme", execution)
        assert (await engine.status("acme", execution)).state == "cancelled"
        assert not await engine.cancel("acme", execution)
        one = await engine.submit(QueryRequest(account_id="acme", sql="SELECT 1"))
        assert (await engine.page("acme", one)).rows == [[1]]
        ended = await engine.status("acme", one)
        assert (ended.state, ended.rows) == ("succeeded", 1)
        bad = await engine.submit(QueryRequest(account_id="acme", sql="SELECT 1 / 0"))
        with pytest.raises(QueryFailedError):
            await engine.page("acme", bad)
        failed = await engine.status("acme", bad)
        assert failed.state == "failed"
        assert isinstance(failed.error, QueryFailedError)

    place.runner.run(follow())


def test_an_export_is_a_whole_file_or_none(place: Place, tmp_path: Path) -> None:
    """All rows, from the lake and the log, with their types; a failure leaves nothing."""
    account, data, base = place.account(), place.data, place.data.head
    data.append(40, account)
    data.flush()
    data.append(5, account)
    to = tmp_path / "out.parquet"
    sql = f"SELECT seq, timestamp, sum(seq) OVER () AS total FROM events WHERE {ALL} ORDER BY seq"
    request = QueryRequest(account_id=account, sql=sql, max_rows=1_000)
    metadata = place.runner.run(place.engine.export(request, "parquet", to))
    found = duckdb.sql(f"FROM '{to}'")
    assert [str(kind) for kind in found.types] == ["BIGINT", "TIMESTAMP", "BIGINT"]
    assert [row[0] - base for row in found.fetchall()] == list(range(1, 46))
    assert (metadata.rows, metadata.truncated) == (45, False)
    cut = msgspec.structs.replace(request, max_rows=9)
    metadata = place.runner.run(place.engine.export(cut, "csv", to))
    assert (metadata.rows, metadata.truncated) == (9, True)
    assert len(to.read_text().splitlines()) == 10
    to.unlink()
    sql = f"SELECT 1 / (seq - {base + 45}) FROM events WHERE {ALL}"
    request = QueryRequest(account_id=account, sql=sql)
    with pytest.raises(QueryFailedError):
        place.runner.run(place.engine.export(request, "ndjson", to))
    assert not list(tmp_path.iterdir())


def test_time_is_kept_to_a_second(place: Place) -> None:
    """A query over its time is stopped within a second, nothing of it runs on, and the next is
    answered."""
    place.watch()
    started = time.monotonic()
    # Where a price comes first, its turn may not have come by then.
    with pytest.raises((QueryTimeoutError, RateLimitedError)):
        place.ask(ENDLESS, timeout_s=0.5)
    assert time.monotonic() - started < 1.5
    wait_for(lambda: not place.busy())
    assert place.ask("SELECT 1").rows == [[1]]


def test_cancelling_stops_the_query(place: Place) -> None:
    """Who goes away takes the query along."""
    assert place.ask("SELECT 1").rows == [[1]]
    place.watch()

    async def leave() -> None:
        request = QueryRequest(account_id="acme", sql=ENDLESS)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(place.engine.run(request), 0.3)

    place.runner.run(leave())
    wait_for(lambda: not place.busy())
    assert place.ask("SELECT 1").rows == [[1]]
