"""The committer thread of the SQLite log."""

import threading
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from tallybrook.ports.log import Write
from tests.contracts.logs import Local, event
from tests.support import wait_for


@pytest.mark.xfail(strict=True, reason="_run looks at _closing after it found nothing to take")
def test_a_write_in_the_moment_of_closing(tmp_path: Path) -> None:
    """What was submitted before ``close`` is answered, also when the thread had just looked."""
    log = Local(tmp_path).open()
    outcomes: Queue[Any] = Queue()
    take, closer, submitted = log._take, threading.Thread(target=log.close), threading.Event()

    def take_then_close() -> Any:
        found = take()
        if not found[0] and not submitted.is_set():
            submitted.set()
            log.submit(Write([event("late")]), outcomes.put)
            closer.start()
            wait_for(lambda: log._closing)
        return found

    log._take = take_then_close  # type: ignore[method-assign]
    log._wake.set()
    assert submitted.wait(20)
    closer.join(20)
    try:
        outcomes.get(timeout=2)
    except Empty:
        pytest.fail("never answered")


def test_lag_and_pending(tmp_path: Path) -> None:
    """While commits are held the oldest wait grows; when nothing waits both are 0."""
    backend = Local(tmp_path)
    log = backend.open()
    outcomes: Queue[Any] = Queue()
    with backend.holding():
        log.submit(Write([event("a"), event("b")]), outcomes.put)
        assert log.pending == 2
        before = log.lag_ms()
        wait_for(lambda: log.lag_ms() > before)
    outcomes.get(timeout=20)
    wait_for(lambda: log.pending == 0)
    assert log.lag_ms() == 0.0
    log.close()
