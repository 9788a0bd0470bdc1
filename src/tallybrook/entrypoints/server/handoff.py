"""Between the event loop and the log's thread: futures settled in bunches.

The log calls back once a write, on its own thread. Waking the loop costs more than settling a
future, so the outcomes of a group commit are collected and the loop is woken once.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from tallybrook.errors import TallybrookError
from tallybrook.ports.log import Log, Receipt, Write

Outcome = Receipt | TallybrookError


class Handoff:
    """Submits writes from the loop it was made in."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._finished: deque[tuple[Callable[[Outcome], None], Outcome]] = deque()
        self._scheduled = False

    def submit(self, write: Write, then: Callable[[Outcome], None]) -> None:
        """Submit; ``then`` is called in the loop. Raises ``BacklogFullError``, ``StorageError``."""
        self._log.submit(write, partial(self._finish, then))

    async def write(self, write: Write) -> Receipt:
        """Submit and wait for durability."""
        future: asyncio.Future[Outcome] = self._loop.create_future()

        def settle(outcome: Outcome) -> None:
            if not future.done():  # the caller may be gone
                future.set_result(outcome)

        self.submit(write, settle)
        outcome = await future
        if isinstance(outcome, TallybrookError):
            raise outcome
        return outcome

    def _finish(self, then: Callable[[Outcome], None], outcome: Outcome) -> None:
        self._finished.append((then, outcome))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        # Cleared first: what is appended from now on schedules another flush.
        self._scheduled = False
        while self._finished:
            then, outcome = self._finished.popleft()
            then(outcome)
