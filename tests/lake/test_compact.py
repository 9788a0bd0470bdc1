"""Which files are merged: few rewrites, bounded sizes."""

from hypothesis import given
from hypothesis import strategies as st

from tallybrook.lake.compact import TARGET_BYTES, plan
from tallybrook.ports.lake import DataFile

KEY = "events/account_id=acme/date=2024-01-02"
LATER = 10**15


def file(name: str, size: int, added_us: int = 0) -> DataFile:
    return DataFile(
        path=f"{KEY}/{name}",
        account_id="acme",
        rows=1,
        bytes=size,
        min_us=0,
        max_us=0,
        column_bytes={},
        added_us=added_us,
    )


def test_busy_partition_waits_for_a_full_tier() -> None:
    """Seven small files stay, eight become one."""
    files = [file(str(n), 1_000) for n in range(8)]
    assert plan({KEY: files[:7]}, 0) == []
    assert plan({KEY: files}, 0) == [files]


def test_a_big_file_is_not_rewritten_for_small_ones() -> None:
    """Files of different tiers are not merged while the partition is busy."""
    files = [file(str(n), 1_000) for n in range(8)] + [file("big", 10_000_000)]
    assert plan({KEY: files}, 0) == [files[:8]]


def test_quiet_partition_is_merged_whole() -> None:
    """Two files of a partition nobody adds to become one."""
    files = [file("a", 10), file("b", 1_000_000)]
    assert plan({KEY: files}, LATER) == [files]


@given(st.lists(st.integers(1, TARGET_BYTES // 2), min_size=2, max_size=60), st.booleans())
def test_merges_are_bounded_and_disjoint(sizes: list[int], quiet: bool) -> None:
    """No merge passes the target, has fewer than two files, or takes a file twice."""
    files = [file(str(n), size) for n, size in enumerate(sizes)]
    groups = plan({KEY: files}, LATER if quiet else 0)
    names = [f.path for group in groups for f in group]
    assert len(names) == len(set(names))
    assert all(len(g) > 1 and sum(f.bytes for f in g) <= TARGET_BYTES for g in groups)
