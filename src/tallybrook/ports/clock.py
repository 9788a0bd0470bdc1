"""The clock as a port: microseconds since the epoch, so that tests can hold or move it.

The one port without two backends. AWS keeps the clock of a function's machine as an operator's
NTP keeps that of a server: both are read with the same system call, and a service's own clock
would cost a request for each reading and be no better. So nothing relies on two machines agreeing:
order comes from sequence numbers, versions and conditions, never from comparing clocks, and what
expires by time has minutes to spare. ``tallybrook doctor`` tells how far a clock is off.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Now, in microseconds since the epoch (UTC). May step back when the machine's clock does."""

    def __call__(self) -> int: ...


def system_clock() -> int:
    """The machine's clock."""
    return time.time_ns() // 1000
