"""Where marks are kept for sinks that keep none: in the state, by target."""

from tallybrook.events.ids import content_id
from tallybrook.forwarding.report import Mark, decode, encode
from tallybrook.ports.sinks import Marks
from tallybrook.ports.state import ABSENT, State

PARTITION = "forwarding"


class StateMarks:
    """``ports.sinks.Marks`` of one target. Of two senders at work the second finds a
    ``ConflictError`` when it writes, and goes on from what the first has written."""

    def __init__(self, state: State, target: str) -> None:
        self._state, self._key = state, content_id(target)
        self._version: int | None = None

    def read(self) -> bytes | None:
        found = self._state.get(PARTITION, self._key)
        self._version = found.version if found else ABSENT
        return found.value if found else None

    def write(self, mark: bytes) -> None:
        if self._version is None:
            self.read()
        expected, self._version = self._version, None
        self._version = self._state.put(PARTITION, self._key, mark, expect=expected)


def begin(marks: Marks, position: int, now_us: int) -> None:
    """Begin after a position, where nothing was marked yet."""
    if decode(marks.read()) is None:
        marks.write(encode(Mark(position, now_us)))
