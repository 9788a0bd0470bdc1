"""Assessments: what receives, works off and reads them, on both backends."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from tallybrook.events.instants import DAY_US
from tallybrook.events.model import Event
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import FailedRecord
from tallybrook.settings import Settings

if TYPE_CHECKING:
    from tallybrook.assessments.anonymised import Anonymizer
    from tallybrook.assessments.flow.processing import Ports
    from tallybrook.assessments.flow.receiving import Desk
    from tallybrook.assessments.flow.sending import Append
    from tallybrook.ports.log import Log
    from tallybrook.ports.objects import Objects
    from tallybrook.ports.objects.local import LocalObjects
    from tallybrook.ports.queue import Queue
    from tallybrook.ports.queue.local import SqliteQueue
    from tallybrook.ports.state import State

KeepFailed = Callable[[FailedRecord], None]

MAX_RECEIVES = 8
CALCULATOR = "ocean"
"""The queue of a stack's calculator."""

OBJECTS = "objects"
"""The folder of a data directory that has the prefixes of a bucket."""


def open_local_objects(settings: Settings) -> "LocalObjects":
    """The objects of a data directory."""
    from tallybrook.ports.objects.local import LocalObjects

    return LocalObjects(settings.data_path / OBJECTS)


def assessment_queue(settings: Settings, clock: Clock = system_clock) -> "SqliteQueue":
    """The queue of a data directory; any process may open it."""
    from tallybrook.assessments.flow.places import SOURCE
    from tallybrook.ports.queue.local import SqliteQueue

    path = settings.data_path / "queue.db"
    return SqliteQueue(path, SOURCE, max_receives=MAX_RECEIVES, clock=clock)


def local_desk(settings: Settings, queue: "Queue", state: "State", clock: Clock) -> "Desk":
    """The door of a data directory."""
    from tallybrook.assessments.flow.receiving import Desk

    return Desk(queue, anonymizing(settings, open_local_objects(settings), state, clock))


def aws_desk(settings: Settings, state: "State", clock: Clock) -> "Desk":
    """The door of a stack."""
    from tallybrook.assessments.flow.receiving import Desk
    from tallybrook.ports.objects.aws import S3Objects
    from tallybrook.ports.queue.aws import SqsQueue

    queue, objects = SqsQueue(f"{settings.stack}-assessments"), S3Objects(settings.bucket)
    return Desk(queue, anonymizing(settings, objects, state, clock))


def aws_anonymizing(
    settings: Settings, state: "State", keep_failed: KeepFailed, clock: Clock
) -> "tuple[Queue, Ports]":
    """The queue of a stack's anonymizer, and what it works with."""
    from tallybrook.assessments.flow.processing import Ports
    from tallybrook.ports.objects.aws import S3Objects
    from tallybrook.ports.queue.aws import SqsQueue

    anonymizer = anonymizing(settings, S3Objects(settings.bucket), state, clock)
    send = SqsQueue(f"{settings.stack}-{CALCULATOR}").send
    ports = Ports(anonymizer, send, _no_events, keep_failed, part="anonymise")
    return SqsQueue(f"{settings.stack}-assessments"), ports


def _no_events(events: "Sequence[Event]") -> None:
    assert not events


def aws_scoring(
    settings: Settings, state: "State", log: "Log", keep_failed: KeepFailed
) -> "tuple[Queue, Ports]":
    """The queue of a stack's calculator, and what it works with: no key, no raw object."""
    from tallybrook.assessments.flow.processing import Ports
    from tallybrook.ports.objects.aws import S3Objects
    from tallybrook.ports.queue.aws import SqsQueue

    queue, objects = SqsQueue(f"{settings.stack}-{CALCULATOR}"), S3Objects(settings.bucket)
    append = _telling(settings, log)
    calculator = partial(_calculator, objects, state)
    ports = Ports(
        calculator, queue.send, append, keep_failed, settings.indicators, part="score"
    )  # fmt: skip
    return queue, ports


def _calculator(objects: "Objects", state: "State") -> "Anonymizer":
    from tallybrook.assessments.anonymised import Anonymizer
    from tallybrook.assessments.library import find_inventory
    from tallybrook.privacy.keys import PrivacyKeys
    from tallybrook.privacy.library import built_in

    return Anonymizer(objects, state, PrivacyKeys(()), built_in(), find_inventory)


def _telling(settings: Settings, log: "Log") -> "Append":
    """Writes the events of scores into the log, and tells the stack's bus of them."""
    from tallybrook.assessments.flow.telling import notice_of
    from tallybrook.ports.bus.aws import EventBridgeBus
    from tallybrook.wiring.agreement import appending

    write, bus = appending(log), EventBridgeBus(settings.stack)

    def append(events: "Sequence[Event]") -> None:
        write(events)
        bus.publish([notice_of(event) for event in events])

    return append


def anonymizing(
    settings: Settings, objects: "Objects", state: "State", clock: Clock = system_clock
) -> "Callable[[], Anonymizer]":
    """What anonymises, with the keys in use when it is called."""

    def anonymizer() -> "Anonymizer":
        from tallybrook.assessments.anonymised import Anonymizer
        from tallybrook.assessments.library import find_inventory
        from tallybrook.wiring.privacy import open_privacy

        privacy = open_privacy(settings, clock)
        return Anonymizer(
            objects, state, privacy.keys, privacy.vocabulary, find_inventory, settings.norms,
            clock() + DAY_US,
        )  # fmt: skip

    return anonymizer


@contextmanager
def scoring(
    settings: Settings, keep_failed: KeepFailed, clock: Clock = system_clock
) -> Iterator[None]:
    """Work off the assessments of a data directory for as long as the block lasts."""
    from tallybrook.assessments.flow.processing import Ports
    from tallybrook.assessments.flow.working import work_once
    from tallybrook.ports.log.relay import handing
    from tallybrook.ports.working import working
    from tallybrook.wiring.agreement import outside_queue
    from tallybrook.wiring.local import open_local_state

    with ExitStack() as opened:
        state = opened.enter_context(closing(open_local_state(settings, clock)))
        queue = opened.enter_context(closing(assessment_queue(settings, clock)))
        outside = opened.enter_context(closing(outside_queue(settings, clock)))
        anonymizer = anonymizing(settings, open_local_objects(settings), state, clock)
        ports = Ports(anonymizer, queue.send, handing(outside), keep_failed, settings.indicators)
        opened.enter_context(working(partial(work_once, queue, ports, clock), "assessments"))
        yield
