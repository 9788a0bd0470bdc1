"""A child that cannot run is tried again with patience, or given up when that is hopeless."""

import sys
import time
from pathlib import Path

import pytest

from tallybrook.entrypoints import supervisor
from tallybrook.entrypoints.supervisor import UnusableError, listen, lock_data, supervise


def argv_of(script: str) -> object:
    return lambda *_: [sys.executable, "-c", script]


def test_a_child_that_says_never_ends_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 is a setting that cannot be used: restarting would loop for ever."""
    monkeypatch.setattr(supervisor, "_argv", argv_of("raise SystemExit(2)"))
    with listen("127.0.0.1", 0) as listener, pytest.raises(UnusableError):
        supervise(listener, lock_data(tmp_path), tmp_path)


def test_the_first_restart_is_at_once_and_the_next_ones_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three failures take at least the two pauses between them, and do not spin."""
    count = tmp_path / "count"
    script = (
        f"import pathlib, sys; p = pathlib.Path({str(count)!r})\n"
        "n = int(p.read_text()) if p.exists() else 0\n"
        "p.write_text(str(n + 1)); sys.exit(2 if n == 3 else 1)"
    )
    monkeypatch.setattr(supervisor, "_argv", argv_of(script))
    begun = time.monotonic()
    with listen("127.0.0.1", 0) as listener, pytest.raises(UnusableError):
        supervise(listener, lock_data(tmp_path), tmp_path, worker=False)
    assert count.read_text() == "4"
    assert time.monotonic() - begun > 0.25 + 0.5
