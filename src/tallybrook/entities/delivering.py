"""Deliveries of a bus that has its subscribers in this process: a thread beside the consumers, so
that a slow receiver makes nobody wait."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tallybrook.errors import TallybrookError

LOOK_EVERY_S = 0.5

_log = logging.getLogger("tallybrook.worker")


class Delivers(Protocol):
    def deliver(self) -> int:
        """Call the subscribers with what is due; how many calls were made."""


@contextmanager
def delivering(bus: Delivers) -> Iterator[None]:
    """Deliver for as long as the block lasts; a delivery under way is finished."""
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(bus, stop), name="deliveries")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _run(bus: Delivers, stop: threading.Event) -> None:
    while not stop.wait(LOOK_EVERY_S):
        try:
            while bus.deliver() and not stop.is_set():
                pass
        except TallybrookError as error:
            _log.error("alerts: %s; trying again", error.detail)
