"""What the SQL engines with processes of their own promise of these: fenced, watched, replaced,
never left behind."""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybrook.errors import RateLimitedError, TallybrookError, TerminalError
from tallybrook.ports.sql import (
    Limits,
    QueryMemoryError,
    QueryRequest,
    QueryResult,
    QueryTimeoutError,
    frames,
)
from tallybrook.ports.sql.local import LocalSqlEngine
from tests.contracts.engines import ALL, ENDLESS, MEMORY_BYTES, Place
from tests.support.waiting import is_gone, wait_for

HERE = pytest.mark.parametrize("place", ["local"], indirect=True)
"""What does not depend on where a child reads."""

BOTH = pytest.mark.parametrize("place", ["local", "aws"], indirect=True)

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
    "texts": "WITH a AS (SELECT rpad('', 100000, CAST(x AS varchar)) AS s"
    " FROM UNNEST(sequence(1, 100)) AS t(x)),"
    f" b AS (SELECT {' || '.join('ssssssss')} AS s FROM a)"
    f" SELECT max({' || '.join('ssssssss')}) FROM b",
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

HERE_AND_THERE = [("local", tuple(BOMBS)), ("aws", ("wide",))]
"""The fences are the child's and do not depend on where it reads; one, beside the SDK's memory."""


@pytest.mark.parametrize(
    ("place", "names"), HERE_AND_THERE, indirect=["place"], ids=["here", "there"]
)
def test_bombs(names: tuple[str, ...], place: Place) -> None:
    """A statement made to exhaust the machine ends with an error in its time, or with an answer
    within its memory; the engine goes on."""
    account = place.account()
    place.data.append(10, account)
    for name in names:
        assert place.ask("SELECT 1").rows == [[1]], name
        started = time.monotonic()
        with suppress(TerminalError):
            place.ask(BOMBS[name], account, timeout_s=1)
        assert time.monotonic() - started < 2.5, name
        for pid in place.children.pids:
            pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
            assert int(pages) * 4096 < 3 * MEMORY_BYTES + 256 * 1024 * 1024, name
    assert place.ask("SELECT 1").rows == [[1]]


@BOTH
@pytest.mark.parametrize("name", ["aggregate", "texts"])
def test_memory_error_is_named(place: Place, name: str) -> None:
    """Too much memory is its own error: where the engine counts it, and where it does not, and the
    process is stopped."""
    with pytest.raises(QueryMemoryError):
        place.ask(BOMBS[name], timeout_s=60)


@BOTH
def test_killed_child_is_replaced(place: Place) -> None:
    """A child that dies between queries, or in one, costs nobody the next answer."""
    assert place.ask("SELECT 1").rows == [[1]]
    (pid,) = place.children.pids
    os.kill(pid, 9)
    wait_for(lambda: is_gone(pid))

    def answered() -> bool:
        with suppress(TallybrookError):
            return place.ask("SELECT 1").rows == [[1]]
        return False

    wait_for(answered)
    assert place.children.pids != [pid]


@BOTH
def test_a_child_holds_no_secret_of_its_owner(place: Place) -> None:
    """Neither arguments nor environment of a query process name a credential."""
    assert place.ask("SELECT 1").rows == [[1]]
    assert place.children.pids
    for pid in place.children.pids:
        for name in ("environ", "cmdline"):
            held = Path(f"/proc/{pid}/{name}").read_bytes()
            assert b"AWS_" not in held
            assert b"TALLYBROOK_" not in held


@HERE
def test_one_deadline_for_the_wait_and_the_run(place: Place, tmp_path: Path) -> None:
    """The time of a question runs from when it is asked: where its turn does not come it is told to
    come back when that is over, and an export too; what waits longer than that is answered."""
    engine = place.children

    async def wait() -> tuple[list[Any], float]:
        first = await engine.submit(QueryRequest(account_id="acme", sql=ENDLESS, timeout_s=60))
        short = QueryRequest(account_id="acme", sql="SELECT 1", timeout_s=0.3)
        long = msgspec.structs.replace(short, timeout_s=60)
        started = time.monotonic()
        patient = asyncio.ensure_future(engine.run(long))
        told = await asyncio.gather(
            engine.run(short), engine.export(short, "csv", tmp_path / "x.csv"),
            return_exceptions=True,
        )  # fmt: skip
        took_s = time.monotonic() - started
        await engine.cancel("acme", first)
        return [*told, await patient], took_s

    (run, export, answered), took_s = place.runner.run(wait())
    assert isinstance(run, RateLimitedError)
    assert isinstance(export, RateLimitedError)
    assert 0.3 <= took_s < 1.3
    assert answered.rows == [[1]]
    assert not list(tmp_path.iterdir())


@HERE
def test_waiting_line_is_bounded(place: Place) -> None:
    """One runs, one waits, the third is told to come back; the one that waited is answered."""

    async def three() -> list[Any]:
        engine = LocalSqlEngine(
            place.data.source, children=1, max_waiting=1, limits=Limits(MEMORY_BYTES, 1)
        )
        await engine.start()
        endless = QueryRequest(account_id="acme", sql=ENDLESS, timeout_s=0.5)
        short = QueryRequest(account_id="acme", sql="SELECT 1")
        try:
            asked = [engine.run(endless), engine.run(short), engine.run(short)]
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            await engine.close()

    first, second, third = place.runner.run(three())
    assert isinstance(first, QueryTimeoutError)
    assert isinstance(second, QueryResult)
    assert isinstance(third, RateLimitedError)


@HERE
@pytest.mark.parametrize(("sent", "code"), [(b"\0\0\0\x63cut", 0), (b"\0\0\0\3odd", 1)])
def test_a_child_that_cannot_hear_ends(place: Place, sent: bytes, code: int) -> None:
    """Cut off in the middle of a question because its parent was killed, or sent nonsense: it does
    not wait for ever."""
    setup = frames.Setup(place.data.source(), Limits(MEMORY_BYTES, 2))
    with subprocess.Popen(
        [sys.executable, "-m", "tallybrook.ports.sql.child"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(frames.frame(setup))
        child.stdin.flush()
        assert child.stdout.read(frames.LENGTH_BYTES), "it is ready"
        loaded = Path(f"/proc/{child.pid}/maps").read_text()
        assert "numpy" not in loaded, "a child is ready before it has what only a tail needs"
        assert "duckdb" in loaded
        child.stdin.write(sent)
        child.stdin.flush()
        if code == 0:
            child.stdin.close()
        try:
            assert child.wait(30) == code
        finally:
            child.kill()


@BOTH
def test_children_end_with_their_parent(place: Place) -> None:
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
    source = msgspec.json.encode(place.data.source()).decode()
    owner = subprocess.Popen(
        [sys.executable, "-c", script, source, ENDLESS], stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert len(pids) == 1
    wait_for(lambda: all(map(is_gone, pids)))
