"""Files: what works them off, on both backends."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Raw

from tallybrook.events.model import Event
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import FailedRecord
from tallybrook.settings import Settings

if TYPE_CHECKING:
    from tallybrook.assessments.flow.bulk import Bulk
    from tallybrook.assessments.flow.insights import Gathering
    from tallybrook.files.ports import Enqueue, Ports, Sink
    from tallybrook.files.shapes import File
    from tallybrook.files.watching import Watch
    from tallybrook.ports.log import Log
    from tallybrook.ports.objects import Objects
    from tallybrook.ports.queue import Queue
    from tallybrook.ports.queue.local import SqliteQueue
    from tallybrook.ports.state import State
    from tallybrook.wiring.parts import Stores

FOLDER = "files"
KeepFailed = Callable[[FailedRecord], None]
_FOR_EVER = 1 << 30


def files_path(settings: Settings) -> Path:
    """The watched directory."""
    return Path(settings.files_dir) if settings.files_dir else settings.data_path / FOLDER


def chunk_queue(settings: Settings, clock: Clock = system_clock) -> "SqliteQueue":
    """Rows of files that another process of a data directory has for its log; never given up."""
    from tallybrook.files.writing import QUEUE
    from tallybrook.ports.queue.local import SqliteQueue

    path = settings.data_path / "queue.db"
    return SqliteQueue(path, QUEUE, max_receives=_FOR_EVER, clock=clock)


@contextmanager
def taking_over(
    settings: Settings, log: "Log", stores: "Stores", clock: Clock = system_clock
) -> Iterator[None]:
    """Write into the log what was handed over, for as long as the block lasts; for the process
    that writes the log."""
    from tallybrook.files.writing import take_over
    from tallybrook.ports.working import working

    with closing(chunk_queue(settings, clock)) as queue:
        state = stores.agreement().state
        with working(lambda: take_over(queue, log, stores.events.get, state, clock()), "rows"):
            yield


@contextmanager
def watching(
    settings: Settings, keep_failed: KeepFailed, clock: Clock = system_clock
) -> Iterator["Watch"]:
    """The watch over the folder of a data directory whose log another process writes."""
    with local_file_ports(settings, keep_failed, clock) as ports:
        yield watch_over(settings, ports, clock)


@contextmanager
def local_file_ports(
    settings: Settings, keep_failed: KeepFailed, clock: Clock = system_clock,
    sink: "Sink | None" = None,
) -> Iterator["Ports"]:  # fmt: skip
    """What files of a data directory are worked off with. Without a ``sink`` their rows go to the
    process that writes the log."""
    from tallybrook.files.writing import Handing
    from tallybrook.ports.objects.local import LocalObjects
    from tallybrook.wiring.agreement import outside_queue
    from tallybrook.wiring.assessments import assessment_queue, open_local_objects
    from tallybrook.wiring.local import open_local_state

    with ExitStack() as opened:
        state = opened.enter_context(closing(open_local_state(settings, clock)))
        chunks = opened.enter_context(closing(chunk_queue(settings, clock)))
        outside = opened.enter_context(closing(outside_queue(settings, clock)))
        tasks = opened.enter_context(closing(assessment_queue(settings, clock)))
        yield file_ports(
            settings, LocalObjects(files_path(settings)), state, sink or Handing(chunks, state),
            keep_failed, _into_log(outside), lambda: outside.depth().waiting, tasks,
            lambda: open_local_objects(settings), clock=clock,
        )  # fmt: skip


def watch_over(
    settings: Settings, ports: "Ports", clock: Clock,
    told: "Callable[[File], object]" = lambda file: None,
) -> "Watch":  # fmt: skip
    """The watch with these ports; ``told`` hears of each file that ended."""
    from tallybrook.files.processing import Put, process
    from tallybrook.files.watching import Watch

    def work(put: Put) -> None:
        file = process(put, ports, clock)
        if file is not None:
            told(file)

    return Watch(files_path(settings), work, clock)


def storing(log: "Log", stores: "Stores") -> "Sink":
    """Where the rows go in a process that writes the log itself."""
    from tallybrook.files.writing import Storing

    return Storing(log, stores.events.get)


def file_ports(
    settings: Settings, objects: "Objects", state: "State", sink: "Sink", keep_failed: KeepFailed,
    enqueue: "Enqueue", backlog: Callable[[], int], tasks: "Queue",
    singles: "Callable[[], Objects]",
    remaining_s: Callable[[], float] = lambda: float("inf"), clock: Clock = system_clock,
) -> "Ports":  # fmt: skip
    """What ``process`` works with. ``tasks`` takes what is to be done of assessments, and
    ``singles`` is where those are stored."""
    from tallybrook.files.ports import Ports

    bulk = cache(lambda: _bulk(settings, singles(), tasks, clock))
    return Ports(
        objects, state, sink, keep_failed, enqueue, backlog,
        lambda: bulk(), _from_columns,
        lambda: _gathering(settings), remaining_s, settings.keep_ip,
    )  # fmt: skip


def aws_file_ports(
    settings: Settings, log: "Log", stores: "Stores", state: "State",
    remaining_s: Callable[[], float] = lambda: float("inf"), clock: Clock = system_clock,
) -> "Ports":  # fmt: skip
    """The same for a stack: files and single assessments lie in one bucket."""
    from tallybrook.ports.objects.aws import S3Objects
    from tallybrook.ports.queue.aws import SqsQueue

    objects, intake = S3Objects(settings.bucket), SqsQueue(f"{settings.stack}-intake")
    return file_ports(
        settings, objects, state, storing(log, stores), stores.failed.keep,
        _into_intake(intake), lambda: 0, SqsQueue(f"{settings.stack}-assessments"),
        lambda: objects, remaining_s, clock,
    )  # fmt: skip


def _into_log(outside: "Queue") -> "Enqueue":
    """Imported events as another process hands them to the log."""
    from tallybrook.ports.log.relay import handing

    hand = handing(outside)
    return lambda events, bodies: hand(events)


def _into_intake(intake: "Queue") -> "Enqueue":
    """Imported events as anybody sends them to the stack: many a message, an event a line."""
    from tallybrook.files.messages import packed

    def enqueue(events: Sequence[Event], bodies: Sequence[bytes]) -> None:
        intake.send(packed(bodies))

    return enqueue


def _bulk(settings: Settings, objects: "Objects", tasks: "Queue", clock: Clock) -> "Bulk":
    from tallybrook.assessments.flow.bulk import Bulk
    from tallybrook.assessments.library import find_inventory
    from tallybrook.privacy.library import load

    return Bulk(objects, load(settings.privacy), find_inventory, clock, tasks.send)


def _from_columns(row: Mapping[str, Raw]) -> bytes:
    from tallybrook.assessments.flow.bulk import from_columns

    return from_columns(row)


def _gathering(settings: Settings) -> "Gathering":
    from tallybrook.assessments.flow.insights import Gathering, Words
    from tallybrook.assessments.library import built_in, inventory

    known = inventory(built_in()[0])
    return Gathering(
        settings.min_people, Words(tuple(built_in()), tuple(known.domains), known.facets)
    )
