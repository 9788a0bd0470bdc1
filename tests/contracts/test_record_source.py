"""What every source of records promises (ports/records)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tallybrook.errors import StorageError, TallybrookError
from tallybrook.events.instants import HOUR_US
from tallybrook.ports.records import Interval, Place, RecordShelf, RecordSource
from tests.contracts.recorded import SHELVES, SOURCES
from tests.counters.world import us

AT = us("2024-01-19T14:00:00Z")
HOUR = Interval(AT, AT + HOUR_US)


class Opened(Protocol):
    """A source and the way into it."""

    source: Any

    def put(self, record_id: str, instant_us: int | None, **of: str) -> None: ...

    def delete(self, record_id: str) -> None: ...

    def failing(self) -> Any:
        """A context in which a page cannot be read."""


Open = Callable[[], Opened]


@pytest.fixture(params=SOURCES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    with SOURCES[request.param](request, tmp_path) as made:
        yield made


@pytest.fixture(params=SHELVES)
def shelved(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    with SOURCES[request.param](request, tmp_path) as made:
        yield made


def inside(source: RecordSource, *intervals: Interval) -> dict[str, int]:
    """The records that lie in the intervals; what else a source gives does not matter."""
    return {
        row.record_id: row.instant_us
        for row in source.read("acme", "items", intervals)
        if row.instant_us is not None
        and any(start <= row.instant_us < end for start, end in intervals)
    }


def test_every_record_of_the_interval(opened: Opened) -> None:
    """Half-open, start in and end out; nothing of another account or type."""
    for name, at in {"a": AT, "b": AT + HOUR_US - 1, "c": AT - 1, "d": AT + HOUR_US}.items():
        opened.put(name, at)
    opened.put("x", AT, account="rival")
    opened.put("y", AT, record_type="tasks")
    assert inside(opened.source, HOUR) == {"a": AT, "b": AT + HOUR_US - 1}


def test_several_intervals(opened: Opened) -> None:
    """What lies between two intervals is in neither."""
    for hour in range(4):
        opened.put(f"r{hour}", AT + hour * HOUR_US)
    later = Interval(AT + 2 * HOUR_US, AT + 4 * HOUR_US)
    assert set(inside(opened.source, HOUR, later)) == {"r0", "r2", "r3"}


def test_all_pages(opened: Opened) -> None:
    """However many there are, all are given."""
    for i in range(57):
        opened.put(f"r{i:02}", AT + i * 1_000_000)
    assert len(inside(opened.source, HOUR)) == 57


def test_a_change_is_seen(opened: Opened) -> None:
    """A record that moved or went away is read as it is now, never as it was."""
    for name in ("a", "b", "c"):
        opened.put(name, AT)
    opened.put("a", AT + 5)
    opened.put("b", AT + HOUR_US)
    opened.delete("c")
    assert inside(opened.source, HOUR) == {"a": AT + 5}


def test_nothing(opened: Opened) -> None:
    """No records, no rows; no interval, no rows."""
    assert inside(opened.source, HOUR) == {}
    opened.put("a", AT)
    assert inside(opened.source) == {}


def test_without_an_instant(opened: Opened) -> None:
    """A record without an instant is in no interval."""
    opened.put("a", None)
    assert inside(opened.source, HOUR) == {}


def test_a_page_that_cannot_be_read(opened: Opened) -> None:
    """It raises; a part is never passed off as the whole."""
    opened.put("a", AT)
    with opened.failing(), pytest.raises(TallybrookError):
        inside(opened.source, HOUR)


def test_pages_in_order(shelved: Opened) -> None:
    """By instant and then by id, each once, whatever the size of a page."""
    instants = [AT + (i % 7) * 60_000_000 for i in range(23)]
    for i, at in enumerate(instants):
        shelved.put(f"r{i:02}", at)
    shelf: RecordShelf = shelved.source
    expected = sorted((at, f"r{i:02}") for i, at in enumerate(instants))
    for limit in (1, 5, 100):
        seen: list[tuple[int, str]] = []
        after: Place | None = None
        while page := shelf.page("acme", "items", HOUR, limit, after):
            assert len(page) <= limit
            seen += [(record.instant_us or 0, record.record_id) for record in page]
            after = Place(*seen[-1])
        assert seen == expected


def test_one_record(shelved: Opened) -> None:
    """With its body, also without an instant; None of what is not there."""
    shelved.put("a", AT)
    shelved.put("b", None)
    shelf: RecordShelf = shelved.source
    found = shelf.get("acme", "items", "a")
    assert found is not None
    assert (found.record_id, found.instant_us) == ("a", AT)
    assert found.body.startswith("{")
    without = shelf.get("acme", "items", "b")
    assert without is not None
    assert without.instant_us is None
    assert shelf.get("acme", "items", "z") is None
    assert shelf.get("rival", "items", "a") is None


def test_a_store_that_refuses_may_be_asked_again(shelved: Opened) -> None:
    """Where trying again can help, the error says so."""
    with shelved.failing(), pytest.raises(StorageError):
        shelved.source.page("acme", "items", HOUR, 5)
