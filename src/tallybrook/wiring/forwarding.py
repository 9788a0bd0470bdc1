"""Forwarding: built from the settings, on both backends; not loaded while it is off."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tallybrook.errors import StorageError, UsageError
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import FailedRecord, LogReader
from tallybrook.settings import Settings
from tallybrook.wiring.privacy import open_privacy

if TYPE_CHECKING:
    from tallybrook.forwarding.consumer import ForwardConsumer
    from tallybrook.forwarding.delivering import Outgoing
    from tallybrook.ports.sinks import Marks, Sink
    from tallybrook.ports.sinks.targets import Target
    from tallybrook.ports.state import State

KeepFailed = Callable[[FailedRecord], None]


def check_forwarding(settings: Settings) -> None:
    """Raise ``UsageError`` for a target, a secret or a table that cannot be used."""
    if not settings.forward_to:
        return
    from tallybrook.forwarding.library import load
    from tallybrook.ports.signing import MIN_SECRET

    target = forwarding_target(settings)
    load(settings.forward_types)
    if target.kind == "http" and 0 < len(settings.forward_secret) < MIN_SECRET:
        raise UsageError(
            f"TALLYBROOK_FORWARD_SECRET needs {MIN_SECRET} characters or more to sign with"
        )
    if target.kind == "file" and settings.backend == "aws":
        raise UsageError("TALLYBROOK_FORWARD_TO: a stack has no files to forward to")


def forwarding_target(settings: Settings) -> "Target":
    """What the settings name. Raises ``UsageError``."""
    from tallybrook.ports.sinks.targets import parse

    return parse(settings.forward_to)


@contextmanager
def open_outgoing(
    settings: Settings, state: "State", keep_failed: KeepFailed, clock: Clock = system_clock
) -> "Iterator[Outgoing]":
    """Where the settings say that events go, for as long as the block lasts."""
    from tallybrook.forwarding.delivering import Outgoing
    from tallybrook.forwarding.library import load
    from tallybrook.forwarding.pinpoint import rules_of
    from tallybrook.forwarding.pseudonyms import of_people

    check_forwarding(settings)
    open_privacy(settings, clock)  # a stack without its secret is told now, and not event by event
    names = of_people(state, lambda: open_privacy(settings, clock).keys, clock)
    rules = rules_of(load(settings.forward_types), names)
    sink, marks = _sink(settings)
    with closing(sink):
        yield Outgoing(sink, rules, keep_failed, marks)


@contextmanager
def open_forwarding(
    settings: Settings,
    state: "State",
    reader: LogReader,
    keep_failed: KeepFailed,
    clock: Clock = system_clock,
) -> "Iterator[ForwardConsumer | None]":
    """The consumer that forwards the log, None while it is off."""
    if not settings.forward_to:
        yield None
        return
    from tallybrook.forwarding.consumer import ForwardConsumer
    from tallybrook.forwarding.marks import StateMarks, begin

    with open_outgoing(settings, state, keep_failed, clock) as out:
        marks = out.marks or StateMarks(state, settings.forward_to)
        begin(marks, reader.head() if settings.forward_from == "now" else 0, clock())
        yield ForwardConsumer(out, marks, state, clock)


def forwarding_marks(settings: Settings, state: "State") -> "Marks":
    """The marks of the sender, for those who only look."""
    from tallybrook.forwarding.marks import StateMarks
    from tallybrook.ports.sinks.local import FileMarks

    target = forwarding_target(settings)
    if target.kind == "file":
        return FileMarks(Path(target.name))
    return StateMarks(state, settings.forward_to)


def _sink(settings: Settings) -> "tuple[Sink, Marks | None]":
    """The sink, and its marks where it keeps them itself."""
    target = forwarding_target(settings)
    if target.kind == "file":
        from tallybrook.ports.sinks.local import FileSink

        file = FileSink(Path(target.name))
        return file, file
    if target.kind == "http":
        from tallybrook.ports.sinks.web import HttpSink

        return HttpSink(target.name, _signing_secret(settings)), None
    from tallybrook.ports.sinks.aws import FirehoseSink, KinesisSink

    return (KinesisSink if target.kind == "kinesis" else FirehoseSink)(target.name), None


def _signing_secret(settings: Settings) -> str:
    """The setting's, else the stack's. Raises ``StorageError`` while that is not there: a receiver
    that checks signatures would refuse what has none."""
    if settings.backend != "aws" or settings.forward_secret:
        return settings.forward_secret
    from tallybrook.ports.secrets.aws import ManagedSecrets

    secret = ManagedSecrets(settings.stack).get("forwarding")
    if secret is None:
        raise StorageError("the stack's secret forwarding is not there yet")
    return secret
