"""Working off the queue of assessments, a batch at a time."""

from contextlib import suppress

from tallybrook.assessments.flow.processing import (
    Ports,
    delivery_of,
    keep_dead_letters,
    process,
)
from tallybrook.errors import ConflictError, RetryableError
from tallybrook.ports.clock import Clock
from tallybrook.ports.queue import Message, Queue

BATCH = 20
VISIBILITY_S = 60
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2, 900


def work_once(queue: Queue, ports: Ports, clock: Clock) -> int:
    """Work off one batch, how many tasks were received. A task is acknowledged when what it leaves
    is durable; those that fail come again after a pause that doubles."""
    messages = queue.receive(BATCH, visibility_s=VISIBILITY_S)
    if not messages:
        keep_dead_letters(queue, ports, clock())
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
