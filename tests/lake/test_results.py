"""Tables of results: what the clock made of a saved query, asked in SQL, replaced whole, erased."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tallybrook.errors import InvalidError, TooLargeError
from tallybrook.lake.erasing import erase
from tallybrook.lake.results import Adopted, adopt
from tallybrook.lake.tables import results as limits
from tallybrook.ports.lake.local import LocalLakeReader
from tallybrook.ports.sql import QueryRefusedError
from tests.lake.product import Embedded

GRACE_US = 601_000_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Embedded]:
    opened = Embedded(tmp_path)
    yield opened
    opened.close()


def answer(world: Embedded, select: str) -> Path:
    """A file as an export makes it."""
    path = world.folder / "answer.parquet"
    with duckdb.connect() as db:
        db.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


def make(world: Embedded, select: str, query_id: str = "top", account: str = "acme") -> Adopted:
    return adopt(world.lake.writer, account, query_id, 1, answer(world, select))


def files(world: Embedded, query_id: str = "top") -> list[Path]:
    return sorted(world.folder.glob(f"lake/results_{query_id}/**/*.parquet"))


def test_it_is_a_table_like_others(world: Embedded) -> None:
    """With its columns, types and rows, joined to others, described and listed, and no filter is
    asked for."""
    world.append({"user_id": "tom"})
    make(
        world,
        "SELECT * FROM (VALUES ('tom', 7, DATE '2026-03-01', 1.5::DECIMAL(9,2), [1, 2]),"
        " ('ann', 3, NULL, NULL, [])) AS t(who, n, date, share, parts)",
    )
    rows = [["tom", 7, "2026-03-01", "1.50", [1, 2]], ["ann", 3, None, None, []]]
    assert world.ask("SELECT * FROM results_top", full_scan=False) == rows
    joined = "SELECT r.n FROM events e JOIN results_top r ON e.user_id = r.who"
    assert world.ask(joined) == [[7]]
    assert ["results_top"] in world.ask("SHOW TABLES")
    described = world.ask("DESCRIBE results_top")
    assert [row[:2] for row in described] == [
        ["who", "varchar"], ["n", "integer"], ["date", "date"], ["share", "decimal(9,2)"],
        ["parts", "array(integer)"],
    ]  # fmt: skip
    assert world.ask("SELECT n FROM results_top WHERE date = date '2026-03-01'") == [[7]]


def test_nobody_else_has_it(world: Embedded) -> None:
    """Another account knows no such table, or its own of that name."""
    make(world, "SELECT 1 AS n")
    with pytest.raises(QueryRefusedError, match="no table 'results_top'"):
        world.ask("SELECT * FROM results_top", "beta")
    assert ["results_top"] not in world.ask("SHOW TABLES", "beta")
    make(world, "SELECT 2 AS m", account="beta")
    assert world.ask("SELECT * FROM results_top", "beta") == [[2]]
    assert world.ask("SELECT * FROM results_top") == [[1]]
    with pytest.raises(QueryRefusedError, match="no column 'm'"):
        world.ask("SELECT m FROM results_top")


def test_a_new_answer_takes_the_place_of_the_old_one(world: Embedded) -> None:
    """Columns and rows together; the old file goes when its grace is over, and who had opened it
    reads it until then."""
    make(world, "SELECT 1 AS n")
    reader = LocalLakeReader(world.folder)
    before = reader.snapshot("acme")
    assert make(world, "SELECT 'x' AS word, 2 AS n WHERE false").rows == 0
    assert world.ask("SELECT * FROM results_top") == []
    assert [row[0] for row in world.ask("DESCRIBE results_top")] == ["word", "n"]
    (old,) = reader.locate(before.of("results_top"))
    assert Path(old).exists()
    world.now_us += GRACE_US
    world.lake.idle()
    assert not Path(old).exists()
    assert len(files(world)) == 1
    reader.close()


def test_the_same_answer_again_changes_nothing(world: Embedded) -> None:
    """No commit, no file."""
    assert make(world, "SELECT 1 AS n").changed
    snapshot = world.lake.writer.store.snapshot("acme")
    assert not make(world, "SELECT 1 AS n").changed
    assert world.lake.writer.store.snapshot("acme") == snapshot
    assert len(files(world)) == 1


def test_rows_keep_their_order(world: Embedded) -> None:
    """An answer that was sorted is one in the table, also over many row groups."""
    make(world, "SELECT i AS n FROM range(300000) t(i) ORDER BY i DESC")
    first = world.ask("SELECT n FROM results_top", max_rows=3)
    assert first == [[299999], [299998], [299997]]


class Crash(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["before-sync", "before-commit", "after-commit"])
def test_a_crash_leaves_the_old_or_the_new_answer(tmp_path: Path, step: str) -> None:
    """Whole, and nothing else on disk once the writer is open again."""
    world = Embedded(tmp_path)
    make(world, "SELECT 1 AS n")
    world.lake.close()

    def dying(name: str) -> None:
        if name == step:
            raise Crash

    world.open(step=dying)
    with pytest.raises(Crash):
        make(world, "SELECT 2 AS n UNION ALL SELECT 3")
    world.lake.close()
    world.open()
    old, new = [[1]], [[2], [3]]
    assert world.ask("SELECT n FROM results_top") == (new if step == "after-commit" else old)
    world.now_us += GRACE_US
    world.lake.idle()
    assert len(files(world)) == 1
    world.close()


@pytest.mark.parametrize(
    ("select", "error", "said"),
    [
        ('SELECT 1 AS "a b"', InvalidError, "'a b'"),
        ('SELECT 1 AS "a""b"', InvalidError, "plain"),
        ("SELECT i AS n FROM range(11) t(i)", TooLargeError, "over 10 rows"),
        ("SELECT repeat('ab', 9000) || i AS n FROM range(9) t(i)", TooLargeError, "bytes"),
    ],
)
def test_what_cannot_be_a_table(
    world: Embedded, monkeypatch: pytest.MonkeyPatch, select: str, error: type, said: str
) -> None:
    """Refused with what to do; the table is what it was, and no file is left."""
    monkeypatch.setattr(limits, "MAX_RESULT_ROWS", 10)
    monkeypatch.setattr(limits, "MAX_RESULT_BYTES", 2_000)
    make(world, "SELECT 1 AS n")
    with pytest.raises(error, match=said if said != "plain" else "name"):
        make(world, select)
    assert world.ask("SELECT * FROM results_top") == [[1]]
    assert len(files(world)) == 1


def test_erasing_takes_tables_of_results_whole(world: Embedded) -> None:
    """In the commit of the rest, those of the account alone; a snapshot from before is unreadable
    after its grace."""
    world.append({"user_id": "jane"}, {"user_id": "tom"})
    world.flush()
    make(world, "SELECT 'jane' AS who, 5 AS n")
    make(world, "SELECT 1 AS n", account="beta")
    reader = LocalLakeReader(world.folder)
    (old,) = reader.locate(reader.snapshot("acme").of("results_top"))
    report = erase(world.lake.writer, "acme", ["jane"], world.reader.head())
    assert report.tables["results_top"].rows == 1
    with pytest.raises(QueryRefusedError, match="no table"):
        world.ask("SELECT * FROM results_top")
    assert world.ask("SELECT * FROM results_top", "beta") == [[1]]
    assert Path(old).exists()
    world.now_us += GRACE_US
    world.lake.idle()
    assert not Path(old).exists()
    reader.close()


def test_compacting_leaves_them_alone(world: Embedded) -> None:
    """They are one file each, which nothing is merged with."""
    from tallybrook.lake.merging import merge_all

    make(world, "SELECT 1 AS n")
    make(world, "SELECT 1 AS n", "other")
    before: Any = files(world), files(world, "other")
    assert list(merge_all(world.lake.writer, budget_s=5, quiet_us=0)) == []
    assert (files(world), files(world, "other")) == before
