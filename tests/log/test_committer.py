"""The committer thread of the SQLite log."""

import threading
from contextlib import suppress
from pathlib import Path
from queue import Queue
from typing import Any

from tallybrook.errors import BacklogFullError, StorageError
from tallybrook.ports.log import Write
from tests.contracts.logs import Local, event
from tests.support import wait_for


def test_a_write_in_the_moment_of_closing(tmp_path: Path) -> None:
    """What was taken before ``close`` is answered, however close to it."""
    for turn in range(20):
        log = Local(tmp_path).open()
        outcomes: Queue[Any] = Queue()
        taken: list[int] = []

        def submit_until_closed(
            log: Any = log, outcomes: Queue[Any] = outcomes, taken: list[int] = taken,
            turn: int = turn,
        ) -> None:  # fmt: skip
            with suppress(StorageError):
                while True:
                    name = f"{turn}-{len(taken)}"
                    with suppress(BacklogFullError):
                        log.submit(Write([event(name)]), outcomes.put)
                        taken.append(len(taken))

        submitter = threading.Thread(target=submit_until_closed)
        submitter.start()
        wait_for(lambda taken=taken, turn=turn: len(taken) > turn)
        log.close()
        submitter.join(20)
        answers = [outcomes.get(timeout=20) for _ in taken]
        assert all(answer.duplicate == [False] for answer in answers)


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
