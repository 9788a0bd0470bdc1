"""Waiting for a condition, never for a time."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_LOOK_EVERY_S = 0.02


def wait_for(
    condition: Callable[[], T],
    within_s: float = 20.0,
    what: str = "",
    every_s: float = _LOOK_EVERY_S,
) -> T:
    """The first truthy value of ``condition``; ``AssertionError`` after ``within_s`` seconds."""
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what or condition}"
        pause.wait(every_s)


def wait_for_stack(condition: Callable[[], T], within_s: float = 20.0, what: str = "") -> T:
    """The same of a deployed stack: a look at it is a call of a function, and takes from what the
    stack is doing."""
    return wait_for(condition, within_s, what, every_s=0.25)


def is_gone(pid: int) -> bool:
    """Whether a process has ended (a zombie that nobody reaped has, too)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until_gone(pid: int, within_s: float = 30.0) -> None:
    """Wait for the end of a process that need not be a child of this one."""
    wait_for(lambda: is_gone(pid), within_s, f"the end of process {pid}")
