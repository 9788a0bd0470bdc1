"""How much memory a function's processes hold, and the end of one that holds too much."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_EVERY_S = 0.01


class Watch:
    """``peak_bytes`` so far, of the process and its descendants; ``killed`` when over the limit.

    A single process's peak is the kernel's own figure and misses nothing; that of several is the
    largest sum seen. Pages that processes share are counted for each.
    """

    def __init__(self, pid: int, limit_bytes: int) -> None:
        self.pid = pid
        self.limit_bytes = limit_bytes
        self.peak_bytes = 0
        self.killed = False

    def look(self) -> None:
        """Take the present figure in; kill what is over the limit, as Lambda does."""
        with suppress(OSError):
            pids = [self.pid, *descendants(self.pid)]
            held = sum(map(_resident_bytes, pids))
            self.peak_bytes = max(self.peak_bytes, held, _high_water_bytes(self.pid))
        if self.peak_bytes > self.limit_bytes and not self.killed:
            self.killed = True
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


@contextmanager
def watching(pid: int, limit_bytes: int) -> Iterator[Watch]:
    """Watch the leader of a process group until the end of the context."""
    watch, over = Watch(pid, limit_bytes), threading.Event()

    def run() -> None:
        while not over.wait(_EVERY_S) and not watch.killed:
            watch.look()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def descendants(pid: int) -> list[int]:
    """Children, and theirs. Raises ``OSError`` where the process is gone."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found + [below for child in found for below in descendants(child)]


def _resident_bytes(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def _high_water_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
