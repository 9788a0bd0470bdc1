"""The tables that some events are rows of, beside ``events``."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tallybrook.errors import StorageError
from tallybrook.lake import consumer as module
from tallybrook.lake.consumer import LakeConsumer
from tallybrook.lake.tables import TABLES
from tallybrook.ports.lake.local import LocalLake, LocalLakeReader
from tests.lake.reading import database, rows_on_disk
from tests.lake.scored import chunk_of, cost_line, scored, scored_line


class Crash(BaseException):
    """Stands for the end of the process at a step."""


@pytest.fixture
def lake(tmp_path: Path, keep: Any) -> Any:
    consumer = LakeConsumer(LocalLake(tmp_path, grace_s=0), keep, now_us=lambda: 1 << 60)
    yield consumer
    consumer.close()


def test_a_score_is_a_row_of_both_tables(lake: Any, tmp_path: Path) -> None:
    """Every column has what the calculator said, in the type that Athena reads."""
    lake.handle([chunk_of(1, scored_line(1, "u1"))])
    told = scored("u1")
    columns = ", ".join(f'"{c.name}"' for c in TABLES["ocean_scores"].columns)
    (row,) = rows_on_disk(tmp_path, "ocean_scores", columns)
    found = dict(zip((c.name for c in TABLES["ocean_scores"].columns), row, strict=True))
    facets = found.pop("facets")
    assert {name: facet["score"] for name, facet in facets.items()} == {
        name: facet.score for name, facet in told.scores["facets"].items()
    }
    assert facets["anxiety"].keys() == {"score", "responses", "std_dev"}
    assert found.pop("dark_side_indicators") == told.dark_side_indicators
    assert found.pop("timestamp").isoformat() + "Z" == told.timestamp
    assert found.pop("seq") == 1
    for name, value in found.items():
        assert value == told.scores.get(name, getattr(told, name, None)), name
    (row,) = rows_on_disk(
        tmp_path, "assessment_events", "assessment_id, completion_time, device, industry, content"
    )
    assert row == (
        told.assessment_id, told.completion_time, told.device, told.industry, told.content,
    )  # fmt: skip


def test_partitions_are_in_the_path(lake: Any, tmp_path: Path) -> None:
    """Days and inventories, years and months: folders that a query's filter leaves out."""
    lines = (scored_line(1, "u1", 2), scored_line(2, "u1", 3), cost_line(3, estimated_cost=0))
    lake.handle([chunk_of(1, *lines)])
    files = LocalLakeReader(tmp_path).snapshot("acme").files
    assert sorted(f.folder for f in files if f.table != "events") == [
        "assessment_events/account_id=acme/date=2026-01-04/assessment_type=ocean-120",
        "assessment_events/account_id=acme/date=2026-03-03/assessment_type=ocean-120",
        "cost_tracking/account_id=acme/year=2026/month=3",
        "ocean_scores/account_id=acme/year=2026/month=1",
        "ocean_scores/account_id=acme/year=2026/month=3",
    ]
    assert all(f.max_seq in (1, 2, 3) and f.min_us <= f.max_us for f in files)


def test_a_cost_record_is_a_row(lake: Any, tmp_path: Path) -> None:
    """By its own name or that of COST_METRICS; the cost of one run is worked out."""
    lines = (cost_line(1, estimated_cost_usd=0.5), cost_line(2, estimated_cost=0.25, bytes=9))
    lake.handle([chunk_of(1, *lines)])
    select = "estimated_cost_usd, cost_per_invocation_usd, bytes, date::VARCHAR, function, seq"
    assert rows_on_disk(tmp_path, "cost_tracking", select) == [
        (0.25, 0.025, 9, "2026-03-01", "ocean", 2),
        (0.5, 0.05, None, "2026-03-01", "ocean", 1),
    ]


@pytest.mark.parametrize(
    "line",
    [
        cost_line(1),
        cost_line(1, estimated_cost="much"),
        scored_line(1, "u1", user_id=None),
        scored_line(1, "u1").replace(b'"assessment_type":"ocean-120"', b'"assessment_type":"a/b"'),
        scored_line(1, "u1").replace(b'"openness":', b'"openness":"high","x":'),
    ],
)
def test_an_event_that_is_no_row_is_told_once(
    line: bytes, lake: Any, tmp_path: Path, failed: dict[str, Any]
) -> None:
    """It stays an event, becomes no half of a row, and is one failed record with its bytes."""
    lake.handle([chunk_of(1, line)])
    assert rows_on_disk(tmp_path, "events", "seq") == [(1,)]
    assert [f.table for f in LocalLakeReader(tmp_path).snapshot("acme").files] == ["events"]
    (record,) = failed.values()
    assert (record.failed_id, record.reason) == ("lake-1", "not_a_row")
    assert record.body.encode() + b"\n" == line


CHUNKS = [
    chunk_of(1, scored_line(1, "u1"), cost_line(2, estimated_cost=1)),
    chunk_of(3, scored_line(3, "u2"), scored_line(4, "u1", 2)),
]
SEQS = {"events": [1, 2, 3, 4], "ocean_scores": [1, 3, 4], "cost_tracking": [2]}


@pytest.mark.parametrize("every", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_exactly_once_whatever_step_it_dies_at(tmp_path: Path, every: int) -> None:
    """A crash at the n-th step of flushing and merging, for every n or every second: each table has
    each row once afterwards, and never a row that another table's does not go with."""
    for die_at in range(1, 40, every):
        data_dir = tmp_path / str(die_at)
        crashed = _live(data_dir, die_at)
        seen = _seqs(data_dir)
        whole = [seq for seq in seen["events"] if seq != 2]
        assert seen["ocean_scores"] == seen["assessment_events"] == whole
        _live(data_dir, 0)
        after = _seqs(data_dir)
        assert {name: after[name] for name in SEQS} == SEQS
        if not crashed:
            break
    assert die_at > 10


def _live(data_dir: Path, die_at: int) -> bool:
    left = die_at

    def step(_name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash

    lake = LakeConsumer(LocalLake(data_dir, grace_s=0, step=step), print, now_us=lambda: 1 << 60)
    try:
        for chunk in CHUNKS:
            lake.handle([chunk])
            lake.idle()
    except Crash:
        return True
    finally:
        lake.close()
    return False


def _seqs(data_dir: Path) -> dict[str, list[int]]:
    """What a reader sees."""
    reader = LocalLakeReader(data_dir)
    snapshot = reader.snapshot("acme")
    seen: dict[str, list[int]] = {name: [] for name in TABLES}
    with database() as db:
        for name in {file.table for file in snapshot.files}:
            files = reader.locate(snapshot.of(name))
            rows = db.execute(f"SELECT seq FROM read_parquet({files!r}) ORDER BY 1").fetchall()
            seen[name] = [seq for (seq,) in rows]
    reader.close()
    return seen


def test_a_refused_write_leaves_no_file(
    lake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second table cannot be written: nothing of the first is there either, and the same
    chunk goes in later."""
    real = module.write_columns

    def full(engine: Any, store: Any, columns: Any, table: Any) -> Any:
        if table.name == "ocean_scores":
            raise duckdb.IOException("no space left on device")
        return real(engine, store, columns, table)

    monkeypatch.setattr(module, "write_columns", full)
    with pytest.raises(StorageError):
        lake.handle(CHUNKS[:1])
    assert LocalLakeReader(tmp_path).snapshot("acme").files == ()
    assert rows_on_disk(tmp_path, "events", "seq") == []
    monkeypatch.undo()
    lake.handle(CHUNKS[:1])
    assert _seqs(tmp_path)["ocean_scores"] == [1]
