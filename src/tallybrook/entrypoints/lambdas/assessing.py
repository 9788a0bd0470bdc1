"""What the two functions of assessments share: their messages are tasks, and objects of which S3
tells."""

from collections.abc import Iterator, Sequence
from typing import Any

from tallybrook.assessments.flow import tasks
from tallybrook.assessments.flow.places import SOURCE, assessment_of
from tallybrook.assessments.flow.processing import (
    Delivery,
    Ports,
    delivery_of,
    keep_dead_letters,
    process,
)
from tallybrook.assessments.flow.tasks import Task
from tallybrook.entrypoints.lambdas import queued, runtime
from tallybrook.entrypoints.lambdas.messages import Reading
from tallybrook.entrypoints.lambdas.notifications import (
    ObjectRef,
    is_notification,
    read_notification,
)
from tallybrook.entrypoints.lambdas.records import object_of
from tallybrook.events.ids import content_id
from tallybrook.ports.queue import Message, Queue


def answer(event: Any, queue: Queue, ports: Ports) -> dict[str, Any]:
    """Work off a batch: the messages that have to come again. Called by the clock: how many dead
    letters became failed records. Raises ``StorageError``."""
    now_us = runtime.opened().now_us()
    if not queued.is_batch(event):
        return {"dead_letters": keep_dead_letters(queue, ports, now_us, deliveries_of)}

    def work(messages: queued.Messages) -> list[str]:
        found = [one for message in messages for one in deliveries_of(message)]
        return process(found, ports, now_us).again

    return queued.work_off(event, SOURCE, queue, work)


def deliveries_of(message: Message) -> Sequence[Delivery]:
    """The tasks of a message: itself, or one for each object that it tells of. What S3 says in
    another form is a task that nobody can read."""
    found = object_of(message.body)
    if not is_notification(found):
        return [delivery_of(message)]
    unreadable, objects = read_notification(found, Reading(0))
    return [delivery_of(message)] if unreadable else list(_told(message, objects))


def _told(message: Message, objects: Sequence[ObjectRef]) -> Iterator[Delivery]:
    """S3 may tell of an object twice: it is known by what it is, and not by who said so."""
    for one in objects:
        origin = content_id("s3", one.bucket, one.key, one.version or one.etag)
        body = tasks.encode(Task(one.key, assessment_of(one.key)))
        yield Delivery(message.receipt, origin, body.encode())
