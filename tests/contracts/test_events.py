"""What finding events promises: the words of ``tallybrook.ports.events``."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tallybrook.events.model import Event
from tallybrook.ports.events import Events, Position
from tallybrook.ports.events.aws import DynamoEvents
from tallybrook.ports.log import Log, Write
from tallybrook.ports.log.local.events import SqliteEvents
from tests.contracts.logs import BACKENDS, NOW_US, Aws, Backend, Local, event

OPEN: dict[str, Callable[[Any, Any], Events]] = {
    Local.__name__: lambda backend, log: SqliteEvents(backend.path, log.find),
    Aws.__name__: lambda backend, _log: DynamoEvents(backend.stack),
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param](request)


@pytest.fixture
def log(backend: Backend) -> Iterator[Log]:
    opened = backend.open()
    yield opened
    opened.close()


@pytest.fixture
def events(backend: Backend, log: Log) -> Iterator[Events]:
    made = OPEN[type(backend).__name__](backend, log)
    yield made
    made.close()  # type: ignore[attr-defined]


def at(name: str, seconds: int = 0, **fields: Any) -> Event:
    made = event(name, **fields)
    made.timestamp = NOW_US + seconds * 1_000_000
    return made


def names(found: list[Event]) -> list[str]:
    return [one.event_id for one in found]


def walk(events: Events, limit: int, user: str = "u") -> Iterator[list[str]]:
    """The pages of a user's history."""
    before: Position | None = None
    while page := events.of_user("acme", user, limit, before):
        assert len(page) <= limit
        yield names(page)
        before = Position(page[-1].timestamp, page[-1].seq)


def test_an_event_is_found_at_once(log: Log, events: Events) -> None:
    """By account and id, exactly, with all its fields, as soon as it is told; else None."""
    sent = at("a", 1, anonymous_id="n", session_id="s", properties=msgspec.Raw(b'{"p": [1, "\xc3\xa9"]}'))  # fmt: skip  # noqa: E501
    log.write(Write([sent, at("b", account="rival")]))
    found = events.get("acme", "a")
    assert found is not None
    assert 0 < found.seq < 2**53
    found.seq = sent.seq
    assert found == sent
    assert events.get("rival", "a") is events.get("acme", "b") is events.get("acme", "A") is None
    other = events.get("rival", "b")
    assert other is not None
    assert other.account_id == "rival"


def test_newest_first(log: Log, events: Events) -> None:
    """By event time, before 1970 too, and by what came later where times are equal; whatever the
    order they came in."""
    for name, seconds in (("a", 5), ("b", -3), ("c", 5), ("d", 0), ("e", -2_000_000_000)):
        log.write(Write([at(name, seconds)]))
    assert names(events.of_user("acme", "u", 9, None)) == ["c", "a", "d", "b", "e"]
    assert names(events.of_user("acme", "u", 2, None)) == ["c", "a"]


def test_equal_times_in_one_write(log: Log, events: Events) -> None:
    """The later one of a write is the newer one."""
    log.write(Write([at(f"{i}") for i in range(30)]))
    assert names(events.of_user("acme", "u", 99, None)) == [f"{i}" for i in reversed(range(30))]


def test_either_id_is_the_user(log: Log, events: Events) -> None:
    """What carries the id as user_id or as anonymous_id, each once, and nobody else's."""
    log.write(
        Write([
            at("a", 1, user_id="u"), at("b", 2, user_id=None, anonymous_id="u"),
            at("c", 3, user_id="u", anonymous_id="u"), at("d", 4, user_id="u", anonymous_id="x"),
            at("e", 5, user_id="U"), at("f", 6, user_id="u#x"), at("g", 7, account="rival"),
            at("h", 8, user_id="x", anonymous_id="u"),
        ])
    )  # fmt: skip
    assert names(events.of_user("acme", "u", 9, None)) == ["h", "d", "c", "b", "a"]
    assert names(events.of_user("acme", "x", 9, None)) == ["h", "d"]
    assert names(events.of_user("acme", "u#x", 9, None)) == ["f"]
    assert names(events.of_user("rival", "u", 9, None)) == ["g"]
    assert events.of_user("acme", "nobody", 9, None) == []


@pytest.mark.parametrize("limit", [1, 2, 7, 40, 1000])
def test_pages_join(log: Log, events: Events, limit: int) -> None:
    """Page after page gives every event once, in the order of one large page, many at equal
    times among them and under either id."""
    log.write(
        Write([
            at(f"{i}", i // 5, **({"user_id": "u"} if i % 3 else {"anonymous_id": "u"}))
            for i in range(40)
        ])
    )  # fmt: skip
    whole = names(events.of_user("acme", "u", 1000, None))
    assert len(whole) == len(set(whole)) == 40
    assert [name for page in walk(events, limit) for name in page] == whole


def test_pages_join_while_more_comes_in(log: Log, events: Events) -> None:
    """What is newer than a page leaves those that follow as they were; what is older is found."""
    log.write(Write([at(f"{i:02}", i) for i in range(20)]))
    seen: list[str] = []
    for n, page in enumerate(walk(events, 4)):
        seen += page
        if n < 3:
            log.write(Write([at(f"new{n}", 100 + n), at(f"old{n}", -100 - n)]))
    assert seen == [f"{i:02}" for i in reversed(range(20))] + ["old0", "old1", "old2"]


def test_a_long_history(log: Log, events: Events) -> None:
    """More than one call of the store gives: all of it, and any page."""
    for start in range(0, 260, 130):
        log.write(Write([at(f"{i:03}", i) for i in range(start, start + 130)]))
    expected = [f"{i:03}" for i in reversed(range(260))]
    assert names(events.of_user("acme", "u", 1000, None)) == expected
    assert names(events.of_user("acme", "u", 101, None)) == expected[:101]


@pytest.mark.parametrize("name", ["\0", "a\0b", "é", "e\u0301", 'a"', "a#b", "x" * 128])
def test_ids_of_any_text(log: Log, events: Events, name: str) -> None:
    """Event ids and user ids are compared exactly."""
    log.write(Write([event(name, user_id=name), event("other", user_id="other")]))
    found = events.get("acme", name)
    assert found is not None
    assert found.event_id == name
    assert names(events.of_user("acme", name, 9, None)) == [name]
