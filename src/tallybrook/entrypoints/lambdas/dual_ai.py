"""Messages of two AIs from a queue, measured; a drift among them becomes an alert.

Called by the clock it makes failed records of the queue's dead letters.
"""

from typing import Any

from tallybrook.assessments.dual_ai.envelope import SOURCE
from tallybrook.assessments.dual_ai.processing import (
    Ports,
    delivery_of,
    keep_dead_letters,
    process,
)
from tallybrook.entrypoints.lambdas import queued, runtime
from tallybrook.ports.queue import Queue
from tallybrook.wiring.agreement import aws_measuring


@runtime.metered
def handler(event: Any, context: object) -> dict[str, Any]:
    """The messages that have to come again, or how many dead letters were kept. Raises
    ``StorageError``."""
    queue, ports = _parts()
    now_us = runtime.opened().now_us()
    if not queued.is_batch(event):
        return {"dead_letters": keep_dead_letters(queue, ports.keep_failed, now_us)}

    def work(messages: queued.Messages) -> list[str]:
        return process([delivery_of(one) for one in messages], ports, now_us).again

    return queued.work_off(event, SOURCE, queue, work)


def _parts() -> tuple[Queue, Ports]:
    opened = runtime.opened()
    agreement, keep = opened.stores.agreement(), opened.stores.failed.keep
    ports = aws_measuring(opened.settings, agreement, opened.log, keep, opened.clock)
    return agreement.queue, ports


runtime.prepare(_parts)
