"""The worker's eye on the clock: starts what is due, and the process that works runs off."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tallybrook.entrypoints.lifeline import PARENT_FD
from tallybrook.errors import TallybrookError

LOOK_EVERY_S = 0.5
CLOCK_EVERY_S = 5.0
_LONGEST_PAUSE_S = 60.0
_STOP_WITHIN_S = 5.0

_log = logging.getLogger("tallybrook.worker")


@contextmanager
def minding(data: Path, waits: Callable[[], bool], due: Callable[[], object]) -> Iterator[None]:
    """Look for as long as the block lasts. ``waits`` tells whether runs wait; ``due`` starts what
    the clock asks for."""
    minder = _Minder(data, waits, due)
    thread = threading.Thread(target=minder.run, name="minding")
    thread.start()
    try:
        yield
    finally:
        minder.stop.set()
        thread.join()
        minder.end()


class _Minder:
    def __init__(self, data: Path, waits: Callable[[], bool], due: Callable[[], object]) -> None:
        self._data, self._waits, self._due = data, waits, due
        self.stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._failures, self._not_before, self._clock_at = 0, 0.0, 0.0
        self._lifeline: int | None = None

    def run(self) -> None:
        while not self.stop.wait(LOOK_EVERY_S):
            try:
                self._look(time.monotonic())
            except TallybrookError as error:
                _log.error("schedules: %s; trying again", error.detail)
                self.stop.wait(CLOCK_EVERY_S)

    def _look(self, now_s: float) -> None:
        if now_s >= self._clock_at:
            self._clock_at = now_s + CLOCK_EVERY_S
            self._due()
        if self._child is not None:
            self._reap(now_s)
        if self._child is None and now_s >= self._not_before and self._waits():
            self._start()

    def _start(self) -> None:
        read, self._lifeline = os.pipe()
        os.set_inheritable(read, True)
        argv = [sys.executable, "-m", f"{__package__}.jobs", "--data", str(self._data)]
        try:
            self._child = subprocess.Popen(
                argv, env=os.environ | {PARENT_FD: str(read)}, pass_fds=(read,),
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(read)

    def _reap(self, now_s: float) -> None:
        assert self._child is not None
        code = self._child.poll()
        if code is None:
            return
        self._child = None
        self._close_lifeline()
        self._failures = 0 if code == 0 else self._failures + 1
        if code:
            pause_s = min(_LONGEST_PAUSE_S, 2.0 ** (self._failures - 1))
            self._not_before = now_s + pause_s
            _log.error("runs: the process ended with %d; again in %g s", code, pause_s)

    def end(self) -> None:
        if self._child is not None:
            self._child.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_STOP_WITHIN_S)
            if self._child.poll() is None:
                self._child.kill()
                self._child.wait()
        self._close_lifeline()

    def _close_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
