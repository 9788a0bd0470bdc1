"""Stepping back behind the processes that people wait for."""

import os
from contextlib import suppress
from pathlib import Path


def step_back(nice: int) -> None:
    """Run at this nice value from now on, against every process of the machine.

    Where the kernel groups processes by session, nice only orders them inside their group; the
    group has a nice value of its own, which is set as well. A kernel without it ignores that.
    """
    os.nice(nice - os.nice(0))
    if os.getsid(0) == os.getpid():  # a session of its own: nobody else is held back with it
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice))
