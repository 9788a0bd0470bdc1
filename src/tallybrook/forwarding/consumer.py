"""The consumer that forwards the ``events`` topic.

A batch of 100 is sent, then the mark is written: position and report together. A crash in between
sends that batch again under the same ids. A sink that keeps the mark itself takes back what it was
sent without one: there a mark for all that was handed over is enough.
"""

from collections.abc import Iterator, Sequence

import msgspec

from tallybrook.errors import ConflictError, RetryableError
from tallybrook.events.model import Event
from tallybrook.forwarding import again
from tallybrook.forwarding.delivering import BATCH, Outgoing, deliver
from tallybrook.forwarding.failing import account_of, failed_line
from tallybrook.forwarding.report import Mark, Report, advanced, decode, encode
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import Chunk, Topic
from tallybrook.ports.sinks import Marks
from tallybrook.ports.state import State

_decoder = msgspec.json.Decoder(Event)
Entry = tuple[int, bytes]
"""A sequence number, and its line."""


class ForwardConsumer:
    """``ports.log.consumer.Consumer``. ``close`` is the caller's: it owns what it hands in."""

    name = "forwarding"
    topic: Topic = "events"
    max_entries = 2000
    linger_s = 0.2

    def __init__(
        self, out: Outgoing, marks: Marks, state: State, clock: Clock = system_clock
    ) -> None:
        self._out, self._marks, self._state, self._clock = out, marks, state, clock

    def position(self) -> int:
        return self._mark().position

    def handle(self, chunks: list[Chunk]) -> None:
        mark = self.send_again(self._mark())
        entries = [entry for entry in _entries(chunks) if entry[0] > mark.position]
        for start in range(0, len(entries), BATCH):
            mark = self._forward(entries[start : start + BATCH], mark)
            if self._out.marks is None or start + BATCH >= len(entries):
                self._store(mark)

    def idle(self) -> None:
        """What is to be sent again goes out also when nothing new comes."""
        self.send_again(self._mark())

    def send_again(self, mark: Mark) -> Mark:
        """Send what waits to be sent again; the mark after it."""
        while found := again.waiting(self._state, BATCH):
            fresh = [one for one in found if one.failed_id not in mark.again]
            if fresh:
                now_us = self._clock()
                was = {place: one.failed_id for place, one in enumerate(fresh)}
                reports = deliver([one.event for one in fresh], self._out, now_us, was)
                names = [one.failed_id for one in fresh]
                mark = advanced(mark, reports, mark.position, now_us, names)
                self._store(mark)
            again.done(self._state, [one.failed_id for one in found])
        return mark

    def _forward(self, entries: Sequence[Entry], mark: Mark) -> Mark:
        reports: dict[str, Report] = {}
        events = [event for entry in entries if (event := self._event(entry, reports))]
        for account_id, report in deliver(events, self._out, self._clock()).items():
            reports.setdefault(account_id, Report()).add(report)
        return advanced(mark, reports, entries[-1][0], self._clock(), mark.again)

    def _event(self, entry: Entry, reports: dict[str, Report]) -> Event | None:
        seq, line = entry
        try:
            return _decoder.decode(line)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            self._out.keep_failed(failed_line(seq, line, str(error), self._clock()))
            reports.setdefault(account_of(line), Report()).count("failed")
            return None

    def _mark(self) -> Mark:
        return decode(self._marks.read()) or Mark()

    def _store(self, mark: Mark) -> None:
        try:
            self._marks.write(encode(mark))
        except ConflictError as error:
            raise RetryableError("another process forwards to the same target") from error


def _entries(chunks: Sequence[Chunk]) -> Iterator[Entry]:
    for chunk in chunks:
        yield from enumerate(chunk.body.rstrip(b"\n").split(b"\n"), chunk.first_seq)
