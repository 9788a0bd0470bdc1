"""The consumer that forwards: everything once, whatever is cut off; a report that adds up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.errors import ConflictError, RetryableError, StorageError
from tallybrook.events.model import Event
from tallybrook.forwarding import again
from tallybrook.forwarding.consumer import ForwardConsumer
from tallybrook.forwarding.delivering import Outgoing
from tallybrook.forwarding.failing import failed_event
from tallybrook.forwarding.marks import StateMarks, begin
from tallybrook.forwarding.pinpoint import event_key
from tallybrook.forwarding.report import MAX_ACCOUNTS, MAX_TYPES, Mark, Report, decode, total
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.sinks import Marks, Sink
from tallybrook.ports.sinks.local import FileSink
from tests.entities.world import MemoryState
from tests.forwarding.world import (
    NOW_US,
    MemoryMarks,
    MemorySink,
    chunk,
    event,
    item,
    rules,
)

POISON = b'{"n":1e999}'


class Line:
    """A consumer with all that it works with."""

    def __init__(self, sink: Sink | None = None, marks: Marks | None = None, **table: Any) -> None:
        self.sink, self.marks = sink or MemorySink(), marks or MemoryMarks()
        self.failed: dict[str, FailedRecord] = {}
        self.state = MemoryState()
        own = self.marks if isinstance(self.sink, FileSink) else None
        self.out = Outgoing(self.sink, rules(**table), self.keep, own)
        self.consumer = ForwardConsumer(self.out, self.marks, self.state, lambda: NOW_US)

    def keep(self, record: FailedRecord) -> None:
        self.failed[record.failed_id] = record

    @property
    def mark(self) -> Mark:
        return decode(self.marks.read()) or Mark()

    @property
    def report(self) -> Report:
        return total(self.mark.accounts.values())


def adds_up(report: Report) -> bool:
    return report.received == report.sent + report.kept + report.failed


def test_results_about_people_stay() -> None:
    """Types under ``keep`` are counted and not sent, until a table of one's own says otherwise."""
    told = [event({}, "assessment_scored", "e1"), event({}, "assessment.started", "e2")]
    line, open_line = Line(), Line(keep=[])
    for one in (line, open_line):
        one.consumer.handle([chunk(1, told)])
    assert (line.report.sent, line.report.kept, line.report.unknown) == (1, 1, 1)
    assert (open_line.report.sent, open_line.report.kept) == (2, 0)


kinds = st.sampled_from(["assessment.started", "page_view", "refused", "poison", "no event"])


def made(kind: str, number: int) -> Event | bytes:
    if kind == "no event":
        return b'{"account_id":"acme","seq":1'
    properties: Any = POISON if kind == "poison" else {"n": number}
    account = "acme" if number % 3 else "rival"
    name = "assessment.started" if kind == "poison" else kind
    return event(properties, name, f"e{number}", account_id=account, session_id="s")


@given(st.lists(kinds, max_size=30), st.sampled_from(["send", "keep"]), st.integers(1, 9))
def test_report_adds_up(kinds: list[str], unknown: str, cut: int) -> None:
    """Every event is sent, kept or a failed record, and each of those figures is what it says;
    handing the same over again, in other cuts, changes nothing."""
    line = Line(unknown=unknown)
    assert isinstance(line.sink, MemorySink)
    events = [made(kind, number) for number, kind in enumerate(kinds)]
    chunks = [chunk(1 + at, events[at : at + cut]) for at in range(0, len(events), cut)]
    for one in chunks:
        line.consumer.handle([one])
    if chunks:
        line.consumer.handle(chunks)
    report = line.report
    strange = sum(kind in ("page_view", "refused") for kind in kinds)
    refused = 0 if unknown == "keep" else kinds.count("refused")
    assert adds_up(report)
    assert report.received == len(kinds)
    assert report.sent == len(line.sink.items)
    assert (
        report.failed
        == len(line.failed)
        == (kinds.count("poison") + kinds.count("no event") + refused)
    )
    assert report.unknown == sum(report.unknown_types.values()) == strange
    assert report.kept == (strange if unknown == "keep" else 0)
    assert line.consumer.position() == len(kinds)


def test_batches_of_a_hundred_in_order() -> None:
    """However many come at once, and from the middle of a chunk too."""
    line = Line()
    assert isinstance(line.sink, MemorySink)
    events = [event({}, event_id=f"e{n}") for n in range(350)]
    line.consumer.handle([chunk(1, events[:120])])
    line.consumer.handle([chunk(1, events[:250]), chunk(251, events[250:])])
    assert line.sink.sizes == [100, 20, 100, 100, 30]
    assert [one.event_id for one in line.sink.items] == [
        event_key("acme", f"e{n}") for n in range(350)
    ]


def test_a_sink_that_is_away() -> None:
    """Nothing is passed over: the position stays, and the same goes out later, once."""
    line = Line()
    assert isinstance(line.sink, MemorySink)
    line.sink.fail = 2
    for _ in range(2):
        with pytest.raises(RetryableError, match="away"):
            line.consumer.handle([chunk(1, [event({})])])
        assert (line.consumer.position(), line.report) == (0, Report())
    line.consumer.handle([chunk(1, [event({})])])
    assert (len(line.sink.items), line.consumer.position()) == (1, 1)


def test_failed_records_say_why_and_keep_all() -> None:
    """A poisoned event, a line that is none, a refused event: each with its reason, whole, and
    those around them go out."""
    line = Line()
    events = [event(POISON, event_id="p"), b"{", event({}, "refused", "r"), event({}, event_id="g")]
    line.consumer.handle([chunk(1, events)])
    assert {record.reason for record in line.failed.values()} == {
        "malformed", "not_an_event", "refused",
    }  # fmt: skip
    poisoned = line.failed[f"forward-{event_key('acme', 'p')}"]
    assert "1e999" in poisoned.body
    assert poisoned.account_id == "acme"
    assert line.report.sent == 1


class CrashError(Exception):
    """Where the process ends."""


class Crashing:
    """Ends the process at the n-th durable step of a file sink: a sync, a rename, a truncation."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        for name in ("fsync", "truncate", "replace", "rename"):
            self._spoil(monkeypatch, name)

    def _spoil(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        import os

        real = getattr(os, name)

        def call(*args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise CrashError(name)
            return real(*args, **options)

        monkeypatch.setattr(os, name, call)


def all_lines(path: Path) -> list[str]:
    """Event ids of every line of every file, the rotated ones first."""
    numbered = (one for one in path.parent.glob(f"{path.name}.*") if one.suffix[1:].isdecimal())
    rotated = sorted(numbered)
    files = [*rotated, *([path] if path.exists() else [])]
    lines = [line for file in files for line in file.read_bytes().splitlines()]
    return [msgspec.json.decode(line)["EventId"] for line in lines]


def test_crash_at_every_step_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the process ends, going on from the mark leaves every event there once, in order,
    in files of the size asked for, and a report that says so."""
    events = [event({}, event_id=f"e{n}") for n in range(6)]
    chunks = [chunk(1 + at, events[at : at + 2]) for at in range(0, 6, 2)]
    expected = [event_key("acme", f"e{n}") for n in range(6)]
    crashing = Crashing(monkeypatch)
    for step in range(1, 60):
        path = tmp_path / str(step) / "events.ndjson"
        crashing.left = step
        crashed = False
        for _ in range(3):
            sink = None
            try:
                sink = FileSink(path, rotate_bytes=300)
                line = Line(sink, sink)
                position = line.consumer.position()
                for one in chunks:
                    if one.last_seq > position:
                        line.consumer.handle([one])
            except CrashError:
                crashed = True
            finally:
                if sink is not None:
                    sink.close()
        crashing.left = -1
        assert all_lines(path) == expected, step
        sink = FileSink(path, rotate_bytes=300)
        report = Line(sink, sink).report
        sink.close()
        assert (report.received, report.sent) == (6, 6), step
        if not crashed:
            break
    assert not crashed
    assert step > 20
    assert len(list(path.parent.glob("events.ndjson.0*"))) == 3


@pytest.mark.parametrize("after", ["keep", "send", "mark"])
def test_crash_without_marks_of_the_sinks_own(after: str) -> None:
    """Between sending and marking, a batch goes out again under the same names; before and after
    it, nothing does. The report is exact in any case."""
    line = Line()
    assert isinstance(line.sink, MemorySink)
    assert isinstance(line.marks, MemoryMarks)
    chunks = [chunk(1, [event({}, event_id="a"), event({}, "refused", "b")])]
    spoiled: dict[str, tuple[Any, str]] = {
        "keep": (line.out, "keep_failed"), "send": (line.sink, "send"),
        "mark": (line.marks, "write"),
    }  # fmt: skip
    owner, name = spoiled[after]
    real: Callable[..., Any] = getattr(owner, name)

    def crash(*args: Any) -> None:
        real(*args)
        raise CrashError(name)

    setattr(owner, name, crash)
    with pytest.raises(CrashError):
        line.consumer.handle(chunks)
    setattr(owner, name, real)
    line.consumer.handle(chunks)
    sent = [one.event_id for one in line.sink.items]
    assert set(sent) == {event_key("acme", "a")}
    assert len(sent) == (1 if after == "mark" else 2)
    assert len(line.failed) == 1
    assert (line.report.received, line.report.sent, line.report.failed) == (2, 1, 1)


def test_sent_again() -> None:
    """A failed record that is replayed goes out once, edited, under its event's name; one that is
    refused again is another failed record."""
    line = Line()
    assert isinstance(line.sink, MemorySink)
    line.consumer.handle([chunk(1, [event({}, "refused", "r"), event(POISON, event_id="p")])])
    refused, poisoned = (line.failed[f"forward-{event_key('acme', name)}"] for name in ("r", "p"))
    again.put(line.state, refused, None)
    again.put(line.state, poisoned, poisoned.body.replace("1e999", "7").encode())
    for _ in range(2):
        line.consumer.idle()
    assert [(one.event_id, one.metrics) for one in line.sink.items] == [
        (event_key("acme", "p"), {"attr_n": 7}),
    ]  # fmt: skip
    assert f"{refused.failed_id}-1" in line.failed
    assert adds_up(line.report)
    assert (line.report.received, line.report.sent, line.report.failed) == (4, 1, 3)


def test_sent_again_once_after_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark names what was sent again: ending before it was taken off the list sends nothing
    more."""
    line = Line()
    assert isinstance(line.sink, MemorySink)
    again.put(line.state, failed_event(event({}), "refused", "", NOW_US), None)

    def crash(*_: object) -> None:
        raise CrashError

    with monkeypatch.context() as patched:
        patched.setattr(again, "done", crash)
        with pytest.raises(CrashError):
            line.consumer.idle()
    line.consumer.idle()
    assert len(line.sink.items) == 1
    assert again.waiting(line.state, 10) == []


def test_replaying_what_is_settled() -> None:
    """It is refused."""
    record = failed_event(event({}), "refused", "", NOW_US)
    record.status = "replayed"
    with pytest.raises(ConflictError):
        again.put(MemoryState(), record, None)


def test_two_senders() -> None:
    """The second to write its mark finds out, sends the batch that overlaps twice at most, and
    goes on from where the first was."""
    state, sink = MemoryState(), MemorySink()
    marks = [StateMarks(state, "kinesis:x") for _ in range(2)]
    lines = [Line(sink, one) for one in marks]
    one, two = chunk(1, [event({}, event_id="a")]), chunk(2, [event({}, event_id="b")])
    begin(marks[0], 0, NOW_US)
    marks[1].read()
    lines[0].consumer.handle([one])
    original = lines[1].marks.read
    lines[1].marks.read = lambda: None  # type: ignore[method-assign]
    with pytest.raises(RetryableError, match="another process"):
        lines[1].consumer.handle([one])
    lines[1].marks.read = original  # type: ignore[method-assign]
    lines[1].consumer.handle([one, two])
    assert lines[0].consumer.position() == 2
    assert lines[0].report.sent == 2
    assert len(sink.items) == 3


def test_begin() -> None:
    """A new target begins where it is told to, one that has a mark goes on from it; another target
    has a mark of its own."""
    state = MemoryState()
    for position in (7, 9):
        begin(StateMarks(state, "file:a"), position, NOW_US)
        found = decode(StateMarks(state, "file:a").read())
        assert found is not None
        assert found.position == 7
    assert StateMarks(state, "file:b").read() is None


def test_report_is_bounded() -> None:
    """Past a thousand accounts and twenty unknown types they are counted together."""
    line = Line()
    many = [
        event({}, f"type{n % 30}", f"e{n}", account_id=f"a{n}") for n in range(MAX_ACCOUNTS + 5)
    ]
    line.consumer.handle([chunk(1, many)])
    assert len(line.mark.accounts) == MAX_ACCOUNTS + 1
    assert line.mark.accounts[""].received == 5
    assert len(line.report.unknown_types) == MAX_TYPES + 1
    assert sum(line.report.unknown_types.values()) == len(many)
    assert len(line.marks.read() or b"") < 100_000


def test_a_file_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark that could not be written, in a process that goes on: the batch is in the file once.
    One that ends then leaves nothing behind that no mark stands for."""
    path = tmp_path / "events.ndjson"
    sink = FileSink(path)
    line = Line(sink, sink)
    line.consumer.handle([chunk(1, [event({}, event_id="a")])])
    two = chunk(2, [event({}, event_id="b")])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr("tallybrook.ports.sinks.local.replace", full)
            with pytest.raises(StorageError):
                line.consumer.handle([two])
    line.consumer.handle([two])
    assert all_lines(path) == [event_key("acme", name) for name in "ab"]
    sink.send([item(1)])
    sink.close()
    FileSink(path).close()
    assert len(all_lines(path)) == 2


def test_a_file_that_others_move(tmp_path: Path) -> None:
    """Moved away or cut by somebody else, it goes on with what is there."""
    path = tmp_path / "events.ndjson"
    path.write_text('{"EventId":"theirs"}\n')
    sink = FileSink(path)
    line = Line(sink, sink)
    line.consumer.handle([chunk(1, [event({}, event_id="a")])])
    path.rename(tmp_path / "moved")
    line.consumer.handle([chunk(2, [event({}, event_id="b")])])
    assert all_lines(path) == [event_key("acme", "b")]
    assert all_lines(tmp_path / "moved") == ["theirs", event_key("acme", "a")]
    path.rename(tmp_path / "again")
    sink.send([item(1)])
    assert path.read_bytes().startswith(b"{")
    with pytest.raises(ConflictError, match="another process"):
        FileSink(path)
    sink.close()
