"""Working off a queue in a thread of its own, beside what else the process does."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tallybrook.assessments.dual_ai.processing import (
    Ports,
    delivery_of,
    keep_dead_letters,
    process,
)
from tallybrook.errors import ConflictError, RetryableError, TallybrookError
from tallybrook.ports.clock import Clock
from tallybrook.ports.queue import Message, Queue

LOOK_EVERY_S = 0.3
BATCH = 100
VISIBILITY_S = 60
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2, 900

_log = logging.getLogger("tallybrook.worker")


def work_once(queue: Queue, ports: Ports, clock: Clock) -> int:
    """Work off one batch, how many messages were received.

    A message is acknowledged when what it leaves is durable. Those that fail come again after a
    pause that doubles, and at last are kept as failed records.
    """
    messages = queue.receive(BATCH, visibility_s=VISIBILITY_S)
    if not messages:
        keep_dead_letters(queue, ports.keep_failed, clock())
        return 0
    try:
        again = set(process([delivery_of(one) for one in messages], ports, clock()).again)
    except RetryableError:
        _later(queue, messages)
        raise
    queue.acknowledge([one.receipt for one in messages if one.receipt not in again])
    _later(queue, [one for one in messages if one.receipt in again])
    return len(messages)


def _later(queue: Queue, messages: list[Message]) -> None:
    for one in messages:
        with suppress(ConflictError):  # it took so long that somebody else has it by now
            queue.extend(one.receipt, min(LONGEST_PAUSE_S, FIRST_PAUSE_S << min(one.receives, 10)))


@contextmanager
def working(look: Callable[[], int], name: str) -> Iterator[None]:
    """Call ``look`` for as long as the block lasts: at once while it finds something, else a few
    times a second. What it has in hand is finished."""
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(look, stop, name), name=name)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _run(look: Callable[[], int], stop: threading.Event, name: str) -> None:
    pause_s = LOOK_EVERY_S
    while not stop.wait(pause_s):
        try:
            while look() and not stop.is_set():
                pass
            pause_s = LOOK_EVERY_S
        except TallybrookError as error:
            _log.error("%s: %s; trying again", name, error.detail)
            pause_s = min(30.0, pause_s * 2)
