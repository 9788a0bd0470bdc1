"""A part of a core: what Lambda gives a function of little memory.

The processes of a function are stopped when they have used what is theirs of a period, and go on
in the next one; waiting for others costs them nothing. What they used is the kernel's own figure
of each process, to the nanosecond, so no more than ``SLICE_S`` of overshoot is ever lent, and it
is paid back before they go on.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bench.lambdas.memory import descendants

PERIOD_S = 0.02
"""A share that was not used up is lost after so long, as with a quota of the kernel's scheduler."""

SLICE_S = 0.001
CHILDREN_EVERY = 20
"""In how many looks children are looked for once."""


class Share:
    """``used_s`` is the processor time of a process and its descendants since the beginning."""

    def __init__(self, pid: int, share: float) -> None:
        self._pid, self._share = pid, share
        self._pids = [pid]
        self._before: dict[int, float] = {}
        self._left_s = 0.0
        self._stopped = False
        self.used_s = 0.0
        self._used()
        self.used_s = 0.0

    def look(self, elapsed_s: float) -> None:
        """Take in what was used, and stop or go on."""
        most_s = PERIOD_S * self._share
        self._left_s = min(most_s, self._left_s + elapsed_s * self._share) - self._used()
        if self._left_s <= 0 and not self._stopped:
            self._signal(signal.SIGSTOP)
        elif self._left_s > 0 and self._stopped:
            self._signal(signal.SIGCONT)

    def find_children(self) -> None:
        """Count processes that came since; those that are gone keep what they used."""
        with suppress(OSError):
            self._pids = [self._pid, *descendants(self._pid)]
            if self._stopped:  # one that was born in the meantime is not
                self._signal(signal.SIGSTOP)

    def let_go(self) -> None:
        """Leave it running."""
        self._signal(signal.SIGCONT)

    def _used(self) -> float:
        used_s = 0.0
        for pid in self._pids:
            with suppress(OSError):
                now_s = time.clock_gettime(_clock_of(pid))
                used_s += now_s - self._before.get(pid, 0.0)
                self._before[pid] = now_s
        self.used_s += used_s
        return used_s

    def _signal(self, number: signal.Signals) -> None:
        self._stopped = number == signal.SIGSTOP
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def limited(pid: int, share: float) -> Iterator[Share]:
    """Give a process and its descendants this part of one core until the end of the context."""
    limit, over = Share(pid, share), threading.Event()

    def run() -> None:
        looked_s, looks = time.monotonic(), 0
        while not over.wait(SLICE_S):
            now_s, looks = time.monotonic(), looks + 1
            if looks % CHILDREN_EVERY == 0:
                limit.find_children()
            limit.look(now_s - looked_s)
            looked_s = now_s

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield limit
    finally:
        over.set()
        thread.join()
        limit.let_go()


def _clock_of(pid: int) -> int:
    """The kernel's clock of a process's time on processors (``clock_getcpuclockid(3)``)."""
    return ~pid << 3 | 2
