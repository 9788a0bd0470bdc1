"""Working off the queue of assessments, a batch at a time."""

from collections.abc import Sequence

from tallybrook.assessments.flow.processing import (
    Ports,
    delivery_of,
    keep_dead_letters,
    process,
)
from tallybrook.ports.clock import Clock
from tallybrook.ports.queue import Message, Queue
from tallybrook.ports.working import work_off

BATCH = 20


def work_once(queue: Queue, ports: Ports, clock: Clock) -> int:
    """Work off one batch, how many tasks were received. Where there were none, those that failed
    for the last time are kept as failed records."""

    def score(messages: Sequence[Message]) -> list[str]:
        return process([delivery_of(one) for one in messages], ports, clock()).again

    received = work_off(queue, BATCH, score)
    if not received:
        keep_dead_letters(queue, ports, clock())
    return received
