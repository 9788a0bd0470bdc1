"""What a crash of the machine leaves: half a commit, and files nobody named."""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tallybrook.events.model import Event
from tallybrook.ports.log import Write
from tallybrook.settings import Settings
from tallybrook.wiring import open_log
from tests.fault import stores
from tests.fault.load import under_load
from tests.fault.target import Target
from tests.support import tallybrook, wait_for

pytestmark = pytest.mark.fault

BASE_US = 1_760_000_000_000_000


def events(prefix: str, count: int) -> list[Event]:
    """Events with ids ``prefix-0`` and so on, a second apart."""
    return [
        Event(
            seq=0, event_id=f"{prefix}-{i}", event_type="t", timestamp=BASE_US + i * 1_000_000,
            ingested_at=BASE_US, account_id="default", time_source="event", user_id="u",
        )
        for i in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, int]]:
    """A directory as a power cut leaves it, and the bytes of the write-ahead log before and after
    its last commit: 30 writes of 20 events, then one of 200."""
    data = tmp_path_factory.mktemp("torn") / "data"
    log = open_log(Settings(data=str(data)))
    wal = data / "log.db-wal"
    for n in range(30):
        log.write(Write(events(f"kept-{n}", 20)))
    before = wal.stat().st_size
    log.write(Write(events("last", 200)))
    copy = data.with_name("crashed")
    shutil.copytree(data, copy)
    (copy / "log.db-shm").unlink()
    yield copy, before, wal.stat().st_size
    log.close()


CUTS = [0.0, 0.0001, 0.3, 0.6, 0.9, 0.9999]


@pytest.mark.parametrize("part", CUTS)
@pytest.mark.parametrize("garbage", [False, True])
def test_half_a_commit_is_no_commit(
    crashed: tuple[Path, int, int], tmp_path: Path, part: float, garbage: bool
) -> None:
    """A last commit that is only partly on disk is gone as a whole, everything before it stays,
    and its events can be sent again, once."""
    source, before, after = crashed
    data = tmp_path / "data"
    shutil.copytree(source, data)
    tear(data / "log.db-wal", before + int((after - before) * part), after, garbage=garbage)
    with closing(open_log(Settings(data=str(data)))) as log:
        assert log.head == 600
        assert log.find("default", "last-0") is None
        assert log.find("default", "kept-29-19") == 600
        assert log.write(Write(events("last", 200))).duplicate == [False] * 200
        assert log.write(Write(events("last", 200))).duplicate == [True] * 200
        assert log.write(Write(events("kept-7", 20))).duplicate == [True] * 20
    entries = stores.read_log(data)
    assert len({entry.line["event_id"] for entry in entries}) == len(entries) == 800
    stores.check_counters(data, entries)


def tear(wal: Path, size: int, full: int, *, garbage: bool) -> None:
    """Cut the file to ``size``, or keep its length and fill what is after it with noise."""
    with wal.open("r+b") as file:
        file.truncate(size)
        if garbage:
            file.seek(size)
            file.write(random.Random(size).randbytes(full - size))


def test_files_that_nobody_named_do_no_harm(tmp_path: Path) -> None:
    """Halves of Parquet and segment files, left where a crash leaves them, are neither read nor
    kept, and collecting goes on."""
    with ExitStack() as stack:
        target = Target(tmp_path, "fault-stray-files-0123456789", stack)
        with under_load(target, "stray") as load:
            wait_for(lambda: load.acknowledged > 400, 60, "acknowledgements under load")
            told = load.finish()
            wait_for(target.caught_up, 60, "consumers to catch up")
            target.kill_without_start()
            strays = list(leave_strays(target.data))
            target.start()
        assert not told.faults
        wait_for(lambda: not any(path.exists() for path in strays), 30, f"a sweep of {strays}")
        assert target.running.stop() == 0
    entries = stores.read_log(target.data)
    stores.check_events(entries, told)
    stores.check_lake(target.data, entries)
    stores.check_counters(target.data, entries)
    assert tallybrook("recount", "--verify", "--data", str(target.data)).code == 0


def leave_strays(data: Path) -> Iterator[Path]:
    """Half of a data file and a whole one that no commit named, and temporary files."""
    with sqlite3.connect(data / "lake" / "catalog.db") as catalog:
        (known,) = catalog.execute("SELECT path FROM files LIMIT 1").fetchone()
    whole = (data / "lake" / known).read_bytes()
    partition = (data / "lake" / known).parent
    for name in ("tmp_half.parquet", "whole-but-unnamed.parquet"):
        yield write(partition / name, whole if "whole" in name else whole[: len(whole) // 2])
    for folder in ("ids", "users"):
        yield write(data / folder / f"{1:016d}-{9:016d}.tmp", b"\x93NUMPY half")
    yield write(data / "lake" / "scratch" / "duckdb_temp_block-1.block", b"spilled")
    write(data / "run.json.new", b'{"pid": 1')


def write(path: Path, body: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path
