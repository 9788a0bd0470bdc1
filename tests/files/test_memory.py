"""Memory does not grow with the file."""

import os
from pathlib import Path

import pytest

from bench.files import measure

SIZE_MB = float(os.environ.get("TALLYBROOK_FILE_MB", "80"))


@pytest.mark.slow
def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """Eight times the file, the same few megabytes; and in 128 MB, everything included."""
    short = measure(SIZE_MB / 8, tmp_path / "short")
    long = measure(SIZE_MB, tmp_path / "long")
    for found in (short, long):
        assert found.accepted + found.rejected == found.rows
        assert found.rejected == (found.rows + 999) // 1000
    assert long.peak_mb < short.peak_mb + 8
    assert long.peak_mb < 128
