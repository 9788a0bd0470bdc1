"""The clock as a port: microseconds since the epoch, so that tests can hold or move it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Now, in microseconds since the epoch (UTC). May step back when the machine's clock does."""

    def __call__(self) -> int: ...


def system_clock() -> int:
    """The machine's clock."""
    return time.time_ns() // 1000
