"""kill -9 at any step of a flush, a merge or a deletion: every event is in the lake once."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallybrook.lake.consumer import LakeConsumer
from tallybrook.ports.lake.local import LocalLake, LocalLakeReader
from tallybrook.ports.log import Chunk

SCRIPT = Path(__file__).with_name("crashing.py")
TOTAL = 240


@contextmanager
def processes(data_dir: Path, size: int, flush: int) -> Iterator[Callable[[int], int]]:
    """Lives of the process, as they are asked for: how one ended that was to die at a step."""
    arguments = map(str, (data_dir, size, flush))
    with subprocess.Popen(
        [sys.executable, SCRIPT, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    ) as template:  # fmt: skip
        assert template.stdin is not None
        assert template.stdout is not None
        given, told = template.stdin, template.stdout

        def live(die_at: int) -> int:
            print(die_at, file=given, flush=True)
            return int(told.readline())

        yield live


def check_whole(data_dir: Path, rows_of: Any) -> None:
    """Every event once, in its account, and no file that the catalog does not know."""
    for account, start in (("acme", 2), ("beta", 1)):
        assert rows_of(data_dir, account) == [(seq,) for seq in range(start, TOTAL + 1, 2)]


def check_prefix(data_dir: Path) -> None:
    """What a reader sees are the events up to a position, all of them."""
    reader = LocalLakeReader(data_dir)
    for account in ("acme", "beta"):
        seen = reader.snapshot(account)
        assert sum(f.rows for f in seen.files) == sum(
            1 for s in range(1, seen.position + 1) if ("acme", "beta")[s % 2] == account
        )
    reader.close()


@pytest.mark.fault
def test_killed_at_every_step(tmp_path: Path, rows_of: Any) -> None:
    """The process dies at step 1, starts again, dies at the step after, … until it gets through."""
    died = 0
    with processes(tmp_path, 20, 3) as live:
        for die_at in [*range(1, 12), 0]:
            ended = live(die_at)
            assert ended in (0, -9)
            died += ended == -9
            check_prefix(tmp_path)
    assert died >= 8
    check_whole(tmp_path, rows_of)
    files = list((tmp_path / "lake" / "events").rglob("*.parquet"))
    live = [f for a in ("acme", "beta") for f in LocalLakeReader(tmp_path).snapshot(a).files]
    assert len(files) == len(live)


class Crash(BaseException):
    """Stands for the end of the process at a step."""


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    flushes=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    crashes=st.lists(st.integers(1, 9), max_size=6),
)
def test_any_split_and_any_crashes(
    sizes: list[int],
    flushes: list[int],
    crashes: list[int],
    tmp_path_factory: pytest.TempPathFactory,
    make_chunk: Any,
    rows_of: Any,
) -> None:
    """However the log is cut and wherever it crashes, each event is there exactly once."""
    data_dir = tmp_path_factory.mktemp("lake")
    chunks: list[Chunk] = []
    first = 1
    for size in sizes:
        chunks.append(make_chunk(first, size))
        first += size
    for die_at in [*crashes, 0]:
        attempt(data_dir, chunks, flushes, die_at)
    assert rows_of(data_dir, "acme") == [(seq,) for seq in range(1, first)]


def attempt(data_dir: Path, chunks: list[Chunk], flushes: list[int], die_at: int) -> None:
    """One life of the consumer; ``die_at`` 0 lives to the end."""
    left = die_at

    def step(_name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash

    store = LocalLake(data_dir, grace_s=0, step=step)
    lake = LakeConsumer(store, lambda record: None, now_us=lambda: 1 << 60)
    try:
        at = 0
        for flush in flushes * len(chunks):
            rest = chunks[at : at + flush]
            if rest:
                lake.handle(rest)
                lake.idle()
            at += flush
    except Crash:
        pass
    finally:
        lake.close()
