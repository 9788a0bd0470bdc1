"""Working off what waits: a batch of a queue, and a thread that looks again and again."""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from tallybrook.errors import ConflictError, RetryableError, TallybrookError
from tallybrook.ports.queue import Message, Queue

LOOK_EVERY_S = 0.3
VISIBILITY_S = 60
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2, 900
LONGEST_LOOK_S = 30.0

_log = logging.getLogger("tallybrook.worker")


def work_off(
    queue: Queue, batch: int, process: Callable[[Sequence[Message]], Collection[str]]
) -> int:
    """Work off up to ``batch`` messages, how many were received.

    ``process`` gives the receipts of those that have to come again; the others it has made durable,
    and they are acknowledged. What comes again does so after a pause that doubles, and all of it
    where ``process`` raises a ``RetryableError``, which is raised on.
    """
    messages = queue.receive(batch, visibility_s=VISIBILITY_S)
    if not messages:
        return 0
    try:
        again = set(process(messages))
    except RetryableError:
        later(queue, messages)
        raise
    queue.acknowledge([one.receipt for one in messages if one.receipt not in again])
    later(queue, [one for one in messages if one.receipt in again])
    return len(messages)


def later(queue: Queue, messages: Sequence[Message]) -> None:
    """Have messages come again after a pause that doubles with each receive."""
    for one in messages:
        with suppress(ConflictError):  # it took so long that somebody else has it by now
            queue.extend(one.receipt, min(LONGEST_PAUSE_S, FIRST_PAUSE_S << min(one.receives, 10)))


@contextmanager
def working(look: Callable[[], int], name: str) -> Iterator[None]:
    """Call ``look`` in a thread for as long as the block lasts: at once while it finds something,
    else a few times a second, more rarely after errors. What it has in hand is finished."""
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
            pause_s = min(LONGEST_LOOK_S, pause_s * 2)
