"""A data directory whose runs are worked off by the real engine, in processes that can be killed.

The engine's library takes a second to load: a process loads it once and forks for each test.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybrook.errors import StorageError
from tallybrook.ports.log.relay import take_over
from tallybrook.settings import Settings
from tallybrook.wiring import Product, open_product
from tallybrook.workflows import steps
from tallybrook.workflows.advancing import Step, Work
from tallybrook.workflows.runs import Run

ACCOUNT = "acme"
KEY = "raw/events/day.ndjson"
GOOD, BAD = 40, 2


def lines() -> bytes:
    """A file of good rows in two series, with two that are none."""
    rows: list[Any] = [
        {"event_type": ("view", "buy")[n % 2], "user_id": f"u{n % 5}",
         "timestamp": f"2026-03-04T05:{n:02}:00Z"}
        for n in range(GOOD)
    ]  # fmt: skip
    rows[7:7] = [{"user_id": "nobody"}]
    text = b"\n".join(map(msgspec.json.encode, rows))
    return text + b"\n{broken\n"


@contextmanager
def product(data: Path) -> Iterator[Product]:
    """The data directory as its server has it: it writes the log."""
    opened = open_product(Settings(data=str(data)), sql=False)
    try:
        yield opened
    finally:
        opened.log.close()
        opened.stores.close()
        assert opened.shelves is not None
        opened.shelves.close()


def relayed(opened: Product) -> None:
    """What other processes had for the log is in it."""
    assert opened.outside is not None
    while take_over(opened.outside, opened.log):
        pass


def work(data: Path, spoil: "Spoil | None" = None, base_s: float = 0.01) -> int:
    """Work off what waits, in a process of its own; how that ended (-9: killed)."""
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_work, args=(data, spoil, base_s))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


Spoil = Callable[[Step, str], Step]
"""Makes another step of a step and its name."""


def killed_after(name: str) -> Spoil:
    """The process dies when the step has done its work, and nobody knows of it yet."""

    def spoil(step: Step, of: str) -> Step:
        def dying(run: Run, work: Work) -> dict[str, Any]:
            step(run, work)
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        return dying if of == name else step

    return spoil


def refused_in(name: str) -> Spoil:
    """The step fails, whenever it is tried."""

    def spoil(step: Step, of: str) -> Step:
        def refusing(run: Run, work: Work) -> dict[str, Any]:
            raise StorageError("the disk is away")

        return refusing if of == name else step

    return spoil


def _work(data: Path, spoil: Spoil | None, base_s: float) -> None:
    from tallybrook.entrypoints.worker.jobs import work_off
    from tallybrook.workflows import policy

    if spoil is not None:
        steps.ALL.update({(kind, of): spoil(step, of) for (kind, of), step in steps.ALL.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policy, "policy_of", lambda _tier: policy.Policy(base_s))
        work_off(Settings(data=str(data)), threading.Event(), linger_s=0.2)
    os._exit(0)
