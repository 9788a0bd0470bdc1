"""Working off tasks: a raw object is anonymised, an anonymised one is scored.

Exactly once for each assessment and content: each step can be done again at any point, by several
at once too, and leaves the same. A task is done when what comes of it is durable, the next task
included. The calculator reads anonymised objects alone.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import MsgspecError, Struct

from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.assessments.anonymised import Anonymizer, anonymise_object
from tallybrook.assessments.anonymising import decode as decode_anonymised
from tallybrook.assessments.flow import tasks
from tallybrook.assessments.flow.keeping import keep, mark_failed
from tallybrook.assessments.flow.places import EVENTS, IN_PREFIXES, OUT_PREFIX, SOURCE, account_of
from tallybrook.assessments.flow.scored import calculate, latest_of
from tallybrook.assessments.flow.sending import Append, send_waiting
from tallybrook.assessments.flow.tasks import Task
from tallybrook.errors import MalformedError, NotFoundError, RetryableError, TerminalError
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.queue import Message, Queue

_log = logging.getLogger("tallybrook.worker")

KeepFailed = Callable[[FailedRecord], None]


Part = Literal["both", "anonymise", "score"]
"""What a process does of it. Where the steps are two functions, the store of objects tells the
second one of new outputs. The first sends it those that were there before, and tasks that are not
its own."""


class Ports(Struct):
    """What tasks are worked off with. ``anonymizer`` is asked once a batch: keys rotate. ``send``
    queues the next tasks."""

    anonymizer: Callable[[], Anonymizer]
    send: Callable[[Sequence[str]], object]
    append: Append
    keep_failed: KeepFailed
    with_indicators: bool = False
    part: Part = "both"


class Delivery(Struct, frozen=True):
    """A task as it came. ``key`` is how its sender knows it; ``origin_id`` stays the same when it
    comes again."""

    key: str
    origin_id: str
    body: bytes


class Processed(Struct):
    """``anonymised + passed_on + scored + duplicate + failed + len(again)`` is the number of
    deliveries. Those in ``again`` have to be delivered again, the others are done."""

    anonymised: int = 0
    passed_on: int = 0
    scored: int = 0
    duplicate: int = 0
    failed: int = 0
    again: list[str] = []


def process(deliveries: Sequence[Delivery], ports: Ports, now_us: int) -> Processed:
    """Work off a batch. What can never be used becomes a failed record; one task at fault spoils
    only itself. Raises ``StorageError`` when all of it has to be delivered again."""
    done, using, following = Processed(), ports.anonymizer(), list[str]()
    for delivery in deliveries:
        try:
            _step(delivery, ports, using, now_us, done, following)
        except RetryableError as error:
            _log.warning("assessments: %s: %s", delivery.origin_id, error.detail)
            done.again.append(delivery.key)
        except Exception as error:  # noqa: BLE001 - ours: told, delivered again, at last dead
            # Without its text and trace: they may quote what is in an assessment.
            _log.error("assessments: %s: %s", delivery.origin_id, type(error).__name__)
            done.again.append(delivery.key)
    if following:
        ports.send(following)
    if ports.part != "anonymise":
        send_waiting(using.state, EVENTS, ports.append)
    return done


def _step(
    delivery: Delivery, ports: Ports, using: Anonymizer, now_us: int, done: Processed,
    following: list[str],
) -> None:  # fmt: skip
    try:
        task = tasks.decode(delivery.body)
        account_id = account_of(task.object)
        if ports.part != "score" and task.object.startswith(IN_PREFIXES):
            written = anonymise_object(task.object, account_id, using, task.assessment_id)
            if ports.part == "both" or not written.created:
                following.append(tasks.encode(Task(written.key, written.assessment.assessment_id)))
            done.anonymised += 1
        elif ports.part == "anonymise":
            following.append(tasks.encode(task))
            done.passed_on += 1
        elif score_object(task.object, account_id, using, now_us, ports.with_indicators):
            done.scored += 1
        else:
            done.duplicate += 1
    except TerminalError as error:
        _fail(delivery, error, ports.keep_failed, using, now_us)
        done.failed += 1


def score_object(
    source: str, account_id: str, using: Anonymizer, now_us: int, with_indicators: bool = False
) -> bool:
    """The calculator: score an anonymised object; False where that was done before."""
    body = using.objects.get(source) if source.startswith(OUT_PREFIX) else None
    if body is None:
        raise NotFoundError("the anonymised object is not there")
    try:
        assessment = decode_anonymised(body)
    except MsgspecError:
        raise MalformedError("the object is no anonymised assessment") from None
    inventory = using.find_inventory(assessment.assessment_type)
    if inventory is None:
        raise NotFoundError("its inventory is not known any more")
    scored = calculate(assessment, inventory, with_indicators=with_indicators)
    return keep(using.state, account_id, scored, latest_of(scored, inventory), now_us)


def _fail(
    delivery: Delivery, error: TerminalError, keep_failed: KeepFailed, using: Anonymizer,
    now_us: int, tries: int = 0,
) -> None:  # fmt: skip
    """Keep a failed record, whose body is the task, and tell it of the assessment."""
    task, account_id = _known(delivery)
    record = failed_record(
        error, delivery.body, account_id=account_id, source=SOURCE, now_us=now_us
    )
    record.failed_id = f"{SOURCE}-{delivery.origin_id}"
    if tries:
        record.reason, record.tries = "dead_letter", tries
    if task is not None and task.assessment_id is not None:
        mark_failed(
            using.state, account_id, task.assessment_id, record.detail, record.failed_id, now_us
        )
    keep_failed(record)


def _known(delivery: Delivery) -> tuple[Task | None, str]:
    try:
        task = tasks.decode(delivery.body)
        return task, account_of(task.object)
    except TerminalError:
        return None, DEFAULT_ACCOUNT


def delivery_of(message: Message) -> Delivery:
    return Delivery(message.receipt, message.origin_id, message.body.encode())


def _task_of(message: Message) -> Sequence[Delivery]:
    return [delivery_of(message)]


def keep_dead_letters(
    queue: Queue,
    ports: Ports,
    now_us: int,
    read: Callable[[Message], Sequence[Delivery]] = _task_of,
) -> int:
    """Turn dead letters into failed records, how many letters. A crash in between keeps them once.
    ``read`` gives the tasks of a letter."""
    kept = 0
    while letters := queue.dead():
        using = ports.anonymizer()
        for letter in letters:
            why = TerminalError(f"was received {letter.receives} times and never finished")
            tries = max(1, letter.receives)
            for delivery in read(letter):
                _fail(delivery, why, ports.keep_failed, using, now_us, tries)
        queue.discard([letter.message_id for letter in letters])
        kept += len(letters)
    return kept
