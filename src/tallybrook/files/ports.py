"""What files are worked off with. What knows assessments comes from outside."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Raw, Struct

from tallybrook.errors import TerminalError
from tallybrook.events.model import Event
from tallybrook.files.writing import Handed, Settle
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.objects import Objects
from tallybrook.ports.state import State

KeepFailed = Callable[[FailedRecord], None]

Enqueue = Callable[[Sequence[Event], Sequence[bytes]], None]
"""Takes the events of imports, and each as its sender would write it; durable when it returns."""


class Sink(Protocol):
    """Where events are written. ``ahead``: how many chunks may be on their way at once."""

    ahead: int

    def send(self, chunk: Handed) -> Settle:
        """Begin to write a chunk; what waits until it is durable."""


class AssessmentRows(Protocol):
    """Where single assessments are stored."""

    @property
    def send(self) -> Callable[[Sequence[str]], object]:
        """What queues tasks, durable when it returns."""

    def take(self, body: bytes, account_id: str, mark: str, again: bool) -> tuple[bool, str]:
        """Store one; whether it was there before this very row stored it, and its task."""

    def refuse(
        self, error: TerminalError, body: bytes, account_id: str, failed_id: str, now_us: int
    ) -> FailedRecord:
        """The failed record of one that cannot be used."""


class Gathering(Protocol):
    """What insights are made of."""

    def add(self, row: Mapping[str, Raw]) -> bool:
        """Take a row in; False where its person has been counted. Raises ``TerminalError``."""

    def finish(self) -> bytes:
        """The insights."""


class Ports(Struct):
    """``backlog`` says how many of the events that were queued wait. ``remaining_s`` is how long
    this process may go on. ``from_columns`` makes an assessment of a table's row. The assessments'
    parts are opened when first asked for."""

    objects: Objects
    state: State
    sink: Sink
    keep_failed: KeepFailed
    enqueue: Enqueue
    backlog: Callable[[], int]
    assessments: Callable[[], AssessmentRows]
    from_columns: Callable[[Mapping[str, Raw]], bytes]
    gathering: Callable[[], Gathering]
    remaining_s: Callable[[], float]
    keep_ip: bool = False
