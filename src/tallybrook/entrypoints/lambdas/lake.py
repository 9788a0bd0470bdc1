"""The lake's writer: follows the log, on a schedule, one invocation at a time.

What was asked of the writer is done first (erasing somebody, making an answer a table), then what
the log holds is written until it ends or the time does; what is left is the next invocation's. A
writer that is cut off loses nothing: its lease ends when its time would have.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.errors import ConflictError, TallybrookError
from tallybrook.ports.log import LogReader
from tallybrook.ports.log.consumer import Consumer

MARGIN_MS = 30_000
"""No new batch is begun when less than this is left of an invocation."""


class Invocation(Protocol):
    """What Lambda hands over beside the event."""

    def get_remaining_time_in_millis(self) -> int: ...


@runtime.metered
def handler(event: Mapping[str, Any], context: Invocation) -> dict[str, Any]:
    """Do the tasks, write what is new in the log. ``{"entries": n}`` and, where there were any,
    ``"tasks"``; or why nothing was done."""
    left_s = context.get_remaining_time_in_millis() / 1000
    try:
        with runtime.lake_writer(lease_s=left_s) as (consumer, next_task):
            reader = runtime.opened().stores.reader
            tasks = work_off(next_task, lambda: _has_time(context))
            entries = follow(consumer, reader, lambda: _has_time(context))
    except ConflictError as error:
        runtime.log.info("the lake has another writer: %s", error)
        return {"skipped": "another writer is at work"}
    done = {"tasks": tasks} if tasks else {}
    return {"entries": entries, "position": runtime.opened().log.head, **done}


def work_off(next_task: Callable[[], int], has_time: Callable[[], bool]) -> int:
    """Do tasks while there are some and there is time; how many. One that fails, and waits on, does
    not keep the log from being written."""
    done = 0
    try:
        while has_time() and next_task():
            done += 1
    except TallybrookError as error:
        runtime.log.error("a task of the lake waits on: %s", error.detail)
    return done


def follow(consumer: Consumer, reader: LogReader, has_time: Callable[[], bool]) -> int:
    """Hand over chunks while there are some and there is time; then the housekeeping. How many
    entries were handed over."""
    entries = 0
    while has_time():
        chunks = reader.chunks(consumer.topic, consumer.position(), consumer.max_entries)
        if not chunks:
            consumer.idle()
            break
        consumer.handle(chunks)
        entries += sum(chunk.count for chunk in chunks)
    return entries


def _has_time(context: Invocation) -> bool:
    return context.get_remaining_time_in_millis() > MARGIN_MS


runtime.prepare(runtime.opened)
