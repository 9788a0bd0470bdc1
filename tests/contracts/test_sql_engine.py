"""What every SQL engine promises (``tallybrook.ports.sql``): fresh, whole, apart, bounded."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from tallybrook.errors import (
    InvalidError,
    NotFoundError,
    RateLimitedError,
    TallybrookError,
    TerminalError,
)
from tallybrook.events.model import Event
from tallybrook.ports.log import Write
from tallybrook.ports.sql import (
    Limits,
    QueryCancelledError,
    QueryFailedError,
    QueryMemoryError,
    QueryRefusedError,
    QueryRequest,
    QueryResult,
    QueryTimeoutError,
    ScanLimitError,
    frames,
)
from tallybrook.ports.sql.local import LocalSqlEngine
from tests.contracts.parity import lacks
from tests.contracts.sources import MAY_1_2024_US, Data, open_data

ALL = "date >= date '2000-01-01'"
MEMORY_BYTES = 192 * 1024 * 1024
ENDLESS = "SELECT count(*) FROM " + ", ".join(
    f"UNNEST(sequence(1, 100000)) AS t{n}(x{n})" for n in range(4)
)


@pytest.fixture(params=["local", "aws"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Data]:
    data = open_data(request.param, tmp_path, lambda: request.getfixturevalue("stack"))
    yield data
    data.close()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def engine(data: Data, runner: asyncio.Runner) -> Iterator[LocalSqlEngine]:
    engine = LocalSqlEngine(data.source, children=1, limits=Limits(MEMORY_BYTES, 2))
    runner.run(engine.start())
    yield engine
    runner.run(engine.close())


Run = Callable[..., QueryResult]


@pytest.fixture
def run(engine: LocalSqlEngine, runner: asyncio.Runner) -> Run:
    def ask(sql: str, account: str = "acme", **fields: Any) -> QueryResult:
        return runner.run(engine.run(QueryRequest(account_id=account, sql=sql, **fields)))

    return ask


def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"


def test_empty(run: Run) -> None:
    """Before the first event there is a table with columns and no rows."""
    result = run("SELECT * FROM events WHERE date = current_date")
    assert result.rows == []
    assert [c.name for c in result.columns][:3] == ["event_id", "event_type", "timestamp"]
    assert (result.metadata.position, result.metadata.scanned_bytes) == (0, 0)


def test_every_acknowledged_event_is_seen(run: Run, data: Data) -> None:
    """Rows of the log, of the lake and of both, each once, complete up to the head."""
    count = "SELECT count(*), count(DISTINCT seq), max(seq) FROM events WHERE " + ALL
    data.append(10)
    assert run(count).rows == [[10, 10, 10]]
    data.flush()
    data.append(5)
    result = run(count)
    assert result.rows == [[15, 15, 15]]
    assert (result.metadata.position, result.metadata.tail_events) == (15, 5)
    data.flush()
    data.merge()
    assert run(count).rows == [[15, 15, 15]]


@lacks(
    "aws",
    "An acknowledged event can be queried once the sequencer has numbered it, usually within a"
    " second.",
)
def test_an_event_is_seen_as_soon_as_it_is_acknowledged(run: Run, data: Data) -> None:
    """No query that begins after the acknowledgement misses the event."""
    event = Event(0, "seen", "view", MAY_1_2024_US, MAY_1_2024_US, "acme", "event")
    with closing(data.log.open()) as log:
        receipt = log.write(Write([event]))
    assert receipt.duplicate == [False]
    assert run("SELECT event_id FROM events", full_scan=True).rows == [["seen"]]


def test_lake_and_log_give_the_same_rows(run: Run, data: Data) -> None:
    """A row does not change, in value or type, when it moves from the log to the lake."""
    data.append(
        timestamp=-62_135_596_800_000_000, properties=b'{"a":1.10, "b":"\\u00e9"}', user_id="u"
    )
    data.append(timestamp=253_402_300_799_999_999, context=b"{}", session_id="\u0000")
    data.append(timestamp=-1)
    sql = "SELECT * FROM events ORDER BY seq"
    before = run(sql, full_scan=True)
    data.flush()
    after = run(sql, full_scan=True)
    assert after.metadata.tail_events == 0
    assert (before.rows, before.columns) == (after.rows, after.columns)
    assert before.rows[0][2] == "0001-01-01T00:00:00Z"
    assert before.rows[0][8] == '{"a":1.10, "b":"\\u00e9"}'
    assert before.rows[1][2] == "9999-12-31T23:59:59.999999Z"
    assert before.rows[2][12] == "1969-12-31"


def test_accounts_never_meet(run: Run, data: Data) -> None:
    """An account sees its own rows, from the lake and from the log, and no others."""
    for account in ("acme", "beta", "acme2"):
        data.append(4, account=account)
    data.flush()
    for account in ("acme", "beta", "acme2"):
        data.append(3, account=account, properties=b'{"account_id":"acme"}')
    for account in ("acme", "beta", "acme2"):
        sql = "SELECT account_id, count(*) FROM events GROUP BY 1"
        assert run(sql, account, full_scan=True).rows == [[account, 7]]
    assert run("SELECT count(*) FROM events", "gamma", full_scan=True).rows == [[0]]
    sql = "SELECT count(*) FROM events WHERE account_id = 'beta'"
    assert run(sql, "acme", full_scan=True).rows == [[0]]


def test_account_must_be_one(run: Run) -> None:
    """What cannot be an account id never reaches a path."""
    for account in ["", "../acme", "a/b", "ACME", "acme'", "a" * 64]:
        with pytest.raises(QueryRefusedError):
            run("SELECT 1", account)


PRUNED = [
    ("date = date '2024-05-01'", 1),
    ("date >= date '2024-05-03'", 3),
    ("date BETWEEN date '2024-05-02' AND date '2024-05-03'", 2),
    ("date IN (date '2024-05-01', date '2024-05-05')", 2),
    ("date = date '2024-05-01' OR date = date '2024-05-05'", 2),
    ("timestamp >= timestamp '2024-05-03 12:00:00'", 2),
    ("timestamp < timestamp '2024-05-02 00:00:00'", 2),
    ("CAST(timestamp AS date) = date '2024-05-02'", 1),
    ("date_trunc('day', timestamp) >= timestamp '2024-05-04 00:00:00'", 2),
    ("date > date_add('day', 3, date '2024-05-01')", 2),
    ("date = CAST({{day}} AS date)", 1),
    ("timestamp > CAST({{day}} AS timestamp) AND seq > 0", 5),
    ("date >= date '2000-01-01'", 5),
]


def test_files_are_pruned_and_rows_are_right(run: Run, data: Data) -> None:
    """A filter on date or timestamp reads only the days it needs, and loses no row."""
    data.append(50)
    data.flush()
    rows = run("SELECT timestamp, date, seq FROM events", full_scan=True).rows
    for condition, files in PRUNED:
        given = {"day": "2024-05-01"} if "{{" in condition else {}
        result = run(f"SELECT seq FROM events WHERE {condition}", parameters=given)
        assert result.metadata.files == files, condition
        whole = f"SELECT seq FROM (SELECT * FROM events LIMIT 1000) e WHERE {condition}"
        expected = run(whole, parameters=given, full_scan=True)
        assert expected.metadata.files == 5
        assert sorted(result.rows) == sorted(expected.rows), condition
    assert len(rows) == 50


def test_scan_limit_and_price(run: Run, data: Data) -> None:
    """Priced by the touched columns and days before anything is read; refused over the limit."""
    data.append(5_000, properties=b'{"plan":"pro"}')
    data.flush()
    narrow = "SELECT count(user_id) FROM events WHERE date = date '2024-05-01'"
    wide = "SELECT * FROM events WHERE " + ALL
    price = run(wide, dry_run=True)
    assert price.columns == price.rows == []
    assert price.metadata.scanned_bytes > run(narrow, dry_run=True).metadata.scanned_bytes > 0
    assert price.metadata.estimated_usd == pytest.approx(10 / 2**20 * 5)
    with pytest.raises(ScanLimitError, match="limit is 100"):
        run(wide, max_scanned_bytes=100)
    assert run(wide).metadata.scanned_bytes == price.metadata.scanned_bytes


def test_row_limit(run: Run, data: Data) -> None:
    """An answer is cut at max_rows and says so; exactly max_rows rows are not cut."""
    data.append(20)
    sql = "SELECT seq FROM events WHERE " + ALL + " ORDER BY seq"
    cut = run(sql, max_rows=7)
    assert [seq for (seq,) in cut.rows] == [1, 2, 3, 4, 5, 6, 7]
    assert cut.metadata.truncated
    assert not run(sql, max_rows=20).metadata.truncated
    assert run(sql, max_rows=0).rows == []


def test_pages_hold_every_row_once(
    run: Run, data: Data, engine: LocalSqlEngine, runner: asyncio.Runner
) -> None:
    """In their order, whatever their size; a token of another execution is refused, and an
    execution is there for its account alone."""
    data.append(25)
    first = run(f"SELECT seq FROM events WHERE {ALL} ORDER BY seq", page_rows=10)
    pages, token = [first.rows], first.metadata.next_token
    while token:
        page = runner.run(engine.page("acme", first.execution_id, token, 10))
        pages.append(page.rows)
        token = page.metadata.next_token
    assert [len(rows) for rows in pages] == [10, 10, 5]
    assert [seq for rows in pages for (seq,) in rows] == list(range(1, 26))
    whole = runner.run(engine.page("acme", first.execution_id, None, 100))
    assert len(whole.rows) == 25
    with pytest.raises(InvalidError):
        runner.run(engine.page("acme", first.execution_id, "x.10", 10))
    for account, execution in (("beta", first.execution_id), ("acme", "none")):
        with pytest.raises(NotFoundError):
            runner.run(engine.page(account, execution))
        with pytest.raises(NotFoundError):
            runner.run(engine.status(account, execution))


def test_an_answer_is_kept_until_something_changes(
    run: Run, data: Data, engine: LocalSqlEngine, runner: asyncio.Runner
) -> None:
    """The same question costs nothing; another parameter, an event of the account or an erasure
    makes it a new one, an event of somebody else does not."""
    sql = f"SELECT count(*), {{{{x}}}} FROM events WHERE {ALL}"

    def ask(x: int = 1) -> tuple[int, bool]:
        result = run(sql, parameters={"x": x})
        assert (result.metadata.estimated_usd == 0) == result.metadata.from_cache
        return result.rows[0][0], result.metadata.from_cache

    data.append(5)
    assert [ask(), ask(), ask(2), ask()] == [(5, False), (5, True), (5, False), (5, True)]
    data.append(3, account="beta")
    assert ask() == (5, True)
    data.append(1)
    assert [ask(), ask()] == [(6, False), (6, True)]
    data.flush()
    data.append(1)
    assert [ask(), ask()] == [(7, False), (7, True)]
    runner.run(engine.forget("acme"))
    assert ask() == (7, False)
    assert not run("SELECT now()").metadata.from_cache
    assert not run("SELECT now()").metadata.from_cache


def test_an_execution_is_followed_and_cancelled(
    engine: LocalSqlEngine, runner: asyncio.Runner
) -> None:
    """It begins at once, tells how it stands, and ends when it is told to."""

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

    runner.run(follow())


def test_an_export_is_a_whole_file_or_none(
    data: Data, engine: LocalSqlEngine, runner: asyncio.Runner, tmp_path: Path
) -> None:
    """All rows, from the lake and the log, with their types; a failure leaves nothing."""
    data.append(40)
    data.flush()
    data.append(5)
    to = tmp_path / "out.parquet"
    sql = f"SELECT seq, timestamp, sum(seq) OVER () AS total FROM events WHERE {ALL} ORDER BY seq"
    request = QueryRequest(account_id="acme", sql=sql, max_rows=1_000)
    metadata = runner.run(engine.export(request, "parquet", to))
    found = duckdb.sql(f"FROM '{to}'")
    assert [str(kind) for kind in found.types] == ["BIGINT", "TIMESTAMP", "BIGINT"]
    assert [row[0] for row in found.fetchall()] == list(range(1, 46))
    assert (metadata.rows, metadata.truncated) == (45, False)
    cut = runner.run(engine.export(msgspec.structs.replace(request, max_rows=9), "csv", to))
    assert (cut.rows, cut.truncated) == (9, True)
    assert len(to.read_text().splitlines()) == 10
    to.unlink()
    request = QueryRequest(account_id="acme", sql=f"SELECT 1 / (seq - 45) FROM events WHERE {ALL}")
    with pytest.raises(QueryFailedError):
        runner.run(engine.export(request, "ndjson", to))
    assert not list(tmp_path.glob("out*"))
    assert not list(tmp_path.glob("tmp*"))


def test_parameters_keep_their_types(run: Run) -> None:
    """Text, integers, numbers, booleans and null arrive as themselves, and never as SQL."""
    evil = "'; DROP TABLE events; -- {{x}} é😀\u0000"
    given = {"a": evil, "b": 2**62, "c": 1.5, "d": True, "e": None, "f": "2024-05-01"}
    result = run(
        "SELECT {{a}} AS a, {{b}} AS b, {{c}} AS c, {{d}} AS d, {{e}} AS e,"
        " CAST({{f}} AS date) AS f, CAST({{f}} AS timestamp) AS g",
        parameters=given,
    )
    times = ["2024-05-01", "2024-05-01T00:00:00Z"]
    assert result.rows == [[evil, str(2**62), 1.5, True, None, *times]]


def test_timeout_kills_within_a_second(run: Run, engine: LocalSqlEngine) -> None:
    """A query over its time is stopped within a second, its process gone, and the next runs."""
    (pid,) = engine.pids
    started = time.monotonic()
    with pytest.raises(QueryTimeoutError):
        run(ENDLESS, timeout_s=0.5)
    assert time.monotonic() - started < 1.5
    until(lambda: not running(pid))
    assert run("SELECT 1").rows == [[1]]


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


BOMBS = {
    "lpad": "SELECT length(lpad('x', 2000000000, 'y'))",
    "wide": "SELECT max(rpad(CAST(x AS varchar), 1000000, 'y')), count(DISTINCT"
    " rpad(CAST(x AS varchar), 100000, 'z')) FROM UNNEST(sequence(1, 100000)) AS t(x)",
    "sequence": "SELECT sequence(1, 1000000000000)",
    "long sequence": "SELECT cardinality(sequence(1, 4000000000))",
    "aggregate": "SELECT array_agg(a.x) FROM UNNEST(sequence(1, 100000)) AS a(x),"
    " UNNEST(sequence(1, 10000)) AS b(y)",
    "doubling": "WITH a0 AS (SELECT 1 AS x UNION ALL SELECT 1)"
    + "".join(f", a{n} AS (SELECT l.x FROM a{n - 1} l, a{n - 1} r)" for n in range(1, 20))
    + " SELECT count(*) FROM a19",
    "cube": "SELECT count(*) FROM events WHERE " + ALL + " GROUP BY CUBE (event_id, event_type,"
    " user_id, session_id, properties, context, seq, date, timestamp, ingested_at)",
    "replace": "SELECT length("
    + "replace(" * 9
    + "'aaaaaaaaaa'"
    + ", 'a', 'aaaaaaaaaa')" * 9
    + ")",
    "regexp": "SELECT regexp_like(rpad('', 1000000, 'a'), '(((a{1,100}){1,100}){1,100})b')",
    "levenshtein": "SELECT levenshtein_distance(rpad('', 1000000, 'a'), rpad('', 1000000, 'b'))",
}


HERE_AND_THERE = [("local", tuple(BOMBS)), ("aws", ("lpad", "wide", "aggregate"))]
"""The fences are the child's and do not depend on where it reads; some, beside the SDK's memory."""


@pytest.mark.parametrize(
    ("data", "names"), HERE_AND_THERE, indirect=["data"], ids=["here", "there"]
)
def test_bombs(names: tuple[str, ...], run: Run, engine: LocalSqlEngine, data: Data) -> None:
    """A statement made to exhaust the machine ends with an error in its time, or with an answer
    within its memory; the engine goes on."""
    data.append(10)
    for name in names:
        started = time.monotonic()
        with suppress(TerminalError):
            run(BOMBS[name], timeout_s=2)
        assert time.monotonic() - started < 3.5, name
        assert run("SELECT 1").rows == [[1]], name
        for pid in engine.pids:
            pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
            assert int(pages) * 4096 < 3 * MEMORY_BYTES + 256 * 1024 * 1024, name


@pytest.mark.parametrize("data", ["local"], indirect=True)
@pytest.mark.parametrize(("sent", "code"), [(b"\0\0\0\x63cut", 0), (b"\0\0\0\3odd", 1)])
def test_a_child_that_cannot_hear_ends(data: Data, sent: bytes, code: int) -> None:
    """Cut off in the middle of a question because its parent was killed, or sent nonsense: it does
    not wait for ever."""
    setup = frames.Setup(data.source(), Limits(MEMORY_BYTES, 2))
    with subprocess.Popen(
        [sys.executable, "-m", "tallybrook.ports.sql.child"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(frames.frame(setup))
        child.stdin.flush()
        assert child.stdout.read(frames.LENGTH_BYTES), "it is ready"
        child.stdin.write(sent)
        child.stdin.flush()
        if code == 0:
            child.stdin.close()
        try:
            assert child.wait(30) == code
        finally:
            child.kill()


def test_memory_error_is_named(run: Run) -> None:
    """Too much memory is its own error."""
    with pytest.raises(QueryMemoryError):
        run(BOMBS["wide"], timeout_s=60)


def test_cancelling_stops_the_query(
    run: Run, engine: LocalSqlEngine, runner: asyncio.Runner
) -> None:
    """Who goes away takes the query along."""
    (pid,) = engine.pids

    async def leave() -> None:
        request = QueryRequest(account_id="acme", sql=ENDLESS)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.run(request), 0.3)

    runner.run(leave())
    until(lambda: not running(pid))
    assert run("SELECT 1").rows == [[1]]


def test_waiting_line_is_bounded(data: Data, runner: asyncio.Runner) -> None:
    """One runs, one waits, the third is told to come back; the one that waited is answered."""

    async def three() -> list[Any]:
        engine = LocalSqlEngine(
            data.source, children=1, max_waiting=1, limits=Limits(MEMORY_BYTES, 1)
        )
        await engine.start()
        endless = QueryRequest(account_id="acme", sql=ENDLESS, timeout_s=0.5)
        short = QueryRequest(account_id="acme", sql="SELECT 1")
        try:
            asked = [engine.run(endless), engine.run(short), engine.run(short)]
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            await engine.close()

    first, second, third = runner.run(three())
    assert isinstance(first, QueryTimeoutError)
    assert isinstance(second, QueryResult)
    assert isinstance(third, RateLimitedError)


def test_killed_child_is_replaced(run: Run, engine: LocalSqlEngine) -> None:
    """A child that dies between queries, or in one, costs nobody the next answer."""
    (pid,) = engine.pids
    os.kill(pid, 9)
    until(lambda: not running(pid))
    deadline = time.monotonic() + 10
    while True:
        try:
            assert run("SELECT 1").rows == [[1]]
            break
        except TallybrookError:
            assert time.monotonic() < deadline
    assert engine.pids != [pid]


def test_children_end_with_their_parent(data: Data) -> None:
    """kill -9 of the owner leaves no query process behind, not even one that is busy."""
    script = (
        "import asyncio, sys, msgspec\n"
        "from tallybrook.ports.sql import QueryRequest\n"
        "from tallybrook.ports.sql.local import LocalSqlEngine\n"
        "from tallybrook.ports.sql.source import Source\n"
        "async def main():\n"
        " source = msgspec.json.decode(sys.argv[1], type=Source)\n"
        " engine = LocalSqlEngine(lambda: source, children=2)\n"
        " await engine.start()\n"
        " print(*engine.pids, flush=True)\n"
        " await engine.run(QueryRequest(account_id='acme', sql=sys.argv[2]))\n"
        "asyncio.run(main())\n"
    )
    source = msgspec.json.encode(data.source()).decode()
    owner = subprocess.Popen(
        [sys.executable, "-c", script, source, ENDLESS], stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert len(pids) == 1
    until(lambda: not any(map(running, pids)))


def test_plan_names_no_path(run: Run, data: Data) -> None:
    """Neither EXPLAIN nor an error shows where the data lies."""
    data.append(10)
    data.flush()
    plan = run("EXPLAIN SELECT count(*) FROM events WHERE " + ALL)
    shown = str(plan.rows)
    with pytest.raises(TallybrookError) as failure:
        run("SELECT CAST(event_id AS bigint) FROM events WHERE " + ALL)
    for text in (shown, failure.value.detail):
        assert str(data.folder) not in text
        assert "tb_scan" not in text


def test_reader_during_flushes_and_merges(run: Run, data: Data) -> None:
    """While the lake is written and compacted, every answer is a whole prefix of the log."""
    stop = threading.Event()

    def write() -> None:
        for _ in range(30):
            data.append(7)
            data.flush()
            data.merge()
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while not stop.is_set():
        result = run("SELECT count(*), count(DISTINCT seq), max(seq) FROM events WHERE " + ALL)
        count, distinct, last = result.rows[0]
        assert count == distinct == (last or 0) == result.metadata.position
        assert count >= seen
        seen = count
    writer.join()
    assert run("SELECT count(*) FROM events WHERE " + ALL).rows == [[210]]


def test_a_child_holds_no_secret_of_its_owner(run: Run, engine: LocalSqlEngine) -> None:
    """Neither arguments nor environment of a query process name a credential."""
    assert run("SELECT 1").rows == [[1]]
    for pid in engine.pids:
        for name in ("environ", "cmdline"):
            held = Path(f"/proc/{pid}/{name}").read_bytes()
            assert b"AWS_" not in held
            assert b"TALLYBROOK_" not in held
