"""What every sink of recounted buckets promises (ports/metrics)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tallybrook.ports.metrics import MetricSink
from tests.contracts.parity import lacks
from tests.contracts.recorded import SINKS
from tests.counters.world import NOW_US, us

START = us("2024-01-19T14:00:00Z") // 1_000_000
END = START + 3600


@pytest.fixture(params=SINKS)
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MetricSink]:
    with SINKS[request.param](request, tmp_path) as opened:
        yield opened


def counts(sink: MetricSink, minutes: int = 1) -> dict[int, int]:
    return {m.start_s: m.count for m in sink.stored("acme", "items", minutes, START, END)}


def test_what_is_written_is_read(sink: MetricSink) -> None:
    """Every bucket, zeros included, in order of start, of the size that was asked for."""
    version = sink.ticket("acme", "items")
    buckets = {(1, START + 60): 3, (1, START): 0, (5, START): 3}
    done = sink.write("acme", "items", buckets, version, NOW_US)
    assert (done.written, done.superseded) == (3, 0)
    assert list(counts(sink).items()) == [(START, 0), (START + 60, 3)]
    assert counts(sink, 5) == {START: 3}
    assert sink.types("acme") == ["items"]


def test_an_older_one_never_overwrites(sink: MetricSink) -> None:
    """What a newer recount wrote stays; losing to it is no error, and is told."""
    older, newer = sink.ticket("acme", "items"), sink.ticket("acme", "items")
    assert older < newer
    sink.write("acme", "items", {(1, START): 2}, newer, NOW_US)
    done = sink.write("acme", "items", {(1, START): 1, (1, START + 60): 1}, older, NOW_US)
    assert (done.written, done.superseded) == (1, 1)
    assert counts(sink) == {START: 2, START + 60: 1}


def test_a_newer_one_overwrites(sink: MetricSink) -> None:
    """Also with zero."""
    for count in (5, 3, 0):
        sink.write("acme", "items", {(1, START): count}, sink.ticket("acme", "items"), NOW_US)
        assert counts(sink) == {START: count}


def test_the_same_write_twice(sink: MetricSink) -> None:
    """Changes nothing."""
    version = sink.ticket("acme", "items")
    for _ in range(2):
        sink.write("acme", "items", {(1, START): 4}, version, NOW_US)
        assert counts(sink) == {START: 4}


@lacks("graphql", "A foreign API does not say what a mutation replaced: no live changes from it")
def test_what_changed_is_told(sink: MetricSink) -> None:
    """By how much each minute bucket changed; nothing of those that stayed."""
    first = sink.write("acme", "items", {(1, START): 2, (5, START): 2}, 1, NOW_US)
    assert first.changes == {("acme", "record", "items", 1, START): 2}
    second = sink.write("acme", "items", {(1, START): 1, (1, START + 60): 0}, 2, NOW_US)
    assert second.changes == {("acme", "record", "items", 1, START): -1}


def test_apart(sink: MetricSink) -> None:
    """Accounts and types do not see each other's buckets."""
    for account, name in (("acme", "items"), ("acme", "tasks")):
        version = sink.ticket(account, name)
        sink.write(account, name, {(60, START): len(name)}, version, NOW_US)
    assert counts(sink, 60) == {START: 5}
    assert sink.types("acme") == ["items", "tasks"]


def test_a_range(sink: MetricSink) -> None:
    """Half-open, and the first so many of it."""
    buckets = {(1, START + 60 * i): i for i in range(10)}
    sink.write("acme", "items", buckets, sink.ticket("acme", "items"), NOW_US)
    found = sink.stored("acme", "items", 1, START + 120, START + 300)
    assert [m.count for m in found] == [2, 3, 4]
    assert [m.count for m in sink.stored("acme", "items", 1, START, END, 2)] == [0, 1]
    assert sink.stored("acme", "items", 1, START, START) == []


def test_created_and_updated(sink: MetricSink) -> None:
    """When a bucket was first written stays; when it was last does not."""
    sink.write("acme", "items", {(1, START): 1}, sink.ticket("acme", "items"), NOW_US)
    (first,) = sink.stored("acme", "items", 1, START, END)
    sink.write("acme", "items", {(1, START): 2}, sink.ticket("acme", "items"), NOW_US + 10**6)
    (second,) = sink.stored("acme", "items", 1, START, END)
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert second.version > first.version


def test_tickets_rise(sink: MetricSink) -> None:
    """Every ticket is another, also when many are taken at once."""
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: sink.ticket("acme", "items"), range(64)))
    assert len(set(taken)) == len(taken)
    assert sink.ticket("acme", "items") > max(taken)
