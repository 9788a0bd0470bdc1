"""Recounting somebody else's API: its pages, its conditions, its moods (SPEC 2)."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tallybrook.counters.stream_recount import recount_window
from tallybrook.counters.window import window_of
from tallybrook.errors import RetryableError, UsageError
from tallybrook.events.instants import HOUR_US, format_instant
from tallybrook.ports.graphql.client import Api, ApiError, Endpoint
from tallybrook.ports.metrics.graphql import GraphqlMetrics, version_text
from tallybrook.ports.records import Interval
from tallybrook.ports.records.graphql import GraphqlRecords
from tests.counters.world import NOW_US, us
from tests.graphql.amplify import Amplify, serving_amplify

START = us("2024-01-19T14:00:00Z") // 1_000_000
KEY = "items#2024-01-19T14:00:00Z#1"
PING = "query { getAggregatedMetrics(compositeKey: \"x\") { count } }"  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Amplify]:
    with serving_amplify() as running:
        yield running


@pytest.fixture
def amplify(server: Amplify) -> Amplify:
    """Empty again."""
    for kept in (server.metrics, server.items, server.asked, server.keys, server.plan):
        kept.clear()
    server.page, server.before_write = 50, None
    return server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def api(amplify: Amplify, waits: list[float]) -> Iterator[Api]:
    opened = Api(Endpoint(amplify.url, "da2-key"), wait=waits.append)
    yield opened
    opened.close()


@pytest.fixture
def sink(api: Api) -> GraphqlMetrics:
    return GraphqlMetrics(api, clock=lambda: NOW_US)


def item(record_id: str, created: str | None, updated: str | None = None) -> dict[str, Any]:
    return {"id": record_id, "accountId": "acme", "createdAt": created, "updatedAt": updated}


def test_a_whole_recount(api: Api, amplify: Amplify, sink: GraphqlMetrics) -> None:
    """Every page is read, 154 buckets are written, zeros included, with the row's names."""
    amplify.items += [
        item(f"r{i}", f"2024-01-19T14:{i % 60:02}:00.123Z") for i in range(130)
    ]  # fmt: skip
    window = window_of([], NOW_US)
    done = recount_window(
        ("acme", "items"), window, GraphqlRecords(api), sink, clock=lambda: NOW_US
    )
    assert done.tally is not None
    assert done.written is not None
    assert (done.tally.counted, done.written.written) == (130, 154)
    assert len(amplify.metrics) == 154
    assert amplify.metrics["items#2024-01-19T14:00:00Z#60"] == {
        "accountId": "acme", "compositeKey": "items#2024-01-19T14:00:00Z#60",
        "recordType": "items", "timeRangeStart": "2024-01-19T14:00:00Z",
        "timeRangeEnd": "2024-01-19T15:00:00Z", "numberOfMinutes": 60, "count": 130,
        "complete": False, "createdAt": version_text(NOW_US), "updatedAt": version_text(NOW_US),
    }  # fmt: skip
    assert sum(row["count"] for row in amplify.metrics.values()) == 4 * 130
    assert set(amplify.keys) == {"da2-key"}


def test_again(api: Api, amplify: Amplify, sink: GraphqlMetrics) -> None:
    """A second recount updates what the first created; one with an older version does not."""
    window, source = window_of([], NOW_US), GraphqlRecords(api)
    amplify.items.append(item("a", "2024-01-19T14:00:10Z"))
    stale = sink.ticket("acme", "items")
    recount_window(("acme", "items"), window, source, sink)
    amplify.items.clear()
    done = recount_window(("acme", "items"), window, source, sink)
    assert done.written is not None
    assert done.written.written == 154
    late = sink.write("acme", "items", {(1, START): 9}, stale, NOW_US)
    assert (late.written, late.superseded) == (0, 1)
    assert {row["count"] for row in amplify.metrics.values()} == {0}


@pytest.mark.parametrize("newer", [True, False])
def test_two_machines(amplify: Amplify, sink: GraphqlMetrics, newer: bool) -> None:
    """A bucket that another machine makes between our look and our write: the newer one stays."""
    theirs = NOW_US + 60_000_000 * (1 if newer else -1)

    def raced(key: str) -> None:
        amplify.before_write = None
        amplify.metrics[key] = {
            "compositeKey": key, "recordType": "items", "count": 7, "numberOfMinutes": 1,
            "timeRangeStart": "2024-01-19T14:00:00Z", "updatedAt": version_text(theirs),
        }  # fmt: skip

    amplify.before_write = raced
    done = sink.write("acme", "items", {(1, START): 3}, NOW_US, NOW_US)
    assert (done.written, done.superseded) == ((0, 1) if newer else (1, 0))
    assert amplify.metrics[KEY]["count"] == (7 if newer else 3)


def test_one_that_went_meanwhile(amplify: Amplify, sink: GraphqlMetrics) -> None:
    """A bucket that somebody deletes between our look and our write is made again."""
    sink.write("acme", "items", {(1, START): 1}, NOW_US, NOW_US)

    def raced(key: str) -> None:
        amplify.before_write = None
        del amplify.metrics[key]

    amplify.before_write = raced
    sink.write("acme", "items", {(1, START): 2}, NOW_US + 1, NOW_US)
    assert amplify.metrics[KEY]["count"] == 2


def test_instants_of_others(api: Api, amplify: Amplify) -> None:
    """Every spelling of an instant; what has none or an unreadable one is given with the reason.
    The end of an interval is left out however it is spelled."""
    amplify.items += [
        item("z", "2024-01-19T14:00:00Z"), item("ms", "2024-01-19T14:00:00.000Z"),
        item("offset", "2024-01-19T14:59:59.999999+00:00"), item("end", "2024-01-19T15:00:00Z"),
        item("endless", "2024-01-19T15:00:00+00:00"), item("bad", "2024-01-19T14:61:00Z"),
    ]  # fmt: skip
    hour = Interval(START * 1_000_000, START * 1_000_000 + HOUR_US)
    rows = {row.record_id: row for row in GraphqlRecords(api).read("acme", "items", [hour])}
    assert set(rows) == {"z", "ms", "offset", "bad"}
    assert rows["bad"].skipped == "invalid_timestamp"
    assert rows["ms"].instant_us == START * 1_000_000


def test_a_type_listed_by_its_change(api: Api, amplify: Amplify) -> None:
    """Tasks are listed by updatedAt and counted by createdAt: none is missed that changed later."""
    late = format_instant(NOW_US + 90 * 24 * HOUR_US)
    amplify.items.append(item("a", "2024-01-19T14:00:00Z", late))
    hour = Interval(START * 1_000_000, START * 1_000_000 + HOUR_US)
    (row,) = GraphqlRecords(api).read("acme", "tasks", [hour])
    assert row.instant_us == START * 1_000_000
    with pytest.raises(UsageError, match="boxes"):
        list(GraphqlRecords(api).read("acme", "boxes", [hour]))


@pytest.mark.parametrize(
    "mood",
    [
        lambda: Response("busy", 429, {"retry-after": "2"}),
        lambda: Response("down", 503),
        lambda: JSONResponse({"errors": [{"errorType": "ThrottlingException"}]}),
        lambda: JSONResponse({"data": None, "errors": [
            {"message": "?", "errorType": "DynamoDB:ProvisionedThroughputExceededException"}
        ]}),
    ],
)  # fmt: skip
def test_moods(api: Api, amplify: Amplify, waits: list[float], mood: Any) -> None:
    """What passes is tried again, after what the API asked for or a random while."""
    amplify.plan += [mood(), mood()]
    assert api.query(PING, {}) == {"getAggregatedMetrics": None}
    assert len(amplify.asked) == 3
    if mood().headers.get("retry-after"):
        assert min(waits) >= 2
    amplify.plan += [mood() for _ in range(9)]
    with pytest.raises(RetryableError):
        api.query(PING, {})


@pytest.mark.parametrize(
    "refusal",
    [
        lambda: JSONResponse({"errors": [{"errorType": "UnauthorizedException"}]}, 401),
        lambda: Response("<html>", 403),
        lambda: Response("<html>", 200),
        lambda: JSONResponse({"errors": [{"message": "no such field"}]}),
        lambda: JSONResponse([1]),
    ],
)
def test_refusals(api: Api, amplify: Amplify, refusal: Any) -> None:
    """What does not pass is told at once."""
    amplify.plan.append(refusal())
    with pytest.raises(ApiError):
        api.query(PING, {})
    assert len(amplify.asked) == 1


def test_pages_in_a_circle(api: Api, amplify: Amplify) -> None:
    """A token that comes twice ends the reading with an error, not never."""
    page = {"data": {"listItemByAccountIdAndCreatedAt": {"items": [], "nextToken": "t"}}}
    amplify.plan += [JSONResponse(page) for _ in range(3)]
    with pytest.raises(ApiError, match="circle"):
        list(GraphqlRecords(api).read("acme", "items", [Interval(0, 1)]))


def test_a_page_that_fails(api: Api, amplify: Amplify, sink: GraphqlMetrics) -> None:
    """The second page fails for good: nothing is written."""
    amplify.items += [item(f"r{i}", "2024-01-19T14:00:00Z") for i in range(80)]
    page = {"items": [{"id": "r"}], "nextToken": "50"}
    amplify.plan += [
        JSONResponse({"data": {"listItemByAccountIdAndCreatedAt": page}}),
        JSONResponse({"errors": [{"message": "broken"}]}),
    ]
    with pytest.raises(ApiError, match="broken"):
        recount_window(("acme", "items"), window_of([], NOW_US), GraphqlRecords(api), sink)
    assert amplify.metrics == {}


def test_nobody_there(waits: list[float]) -> None:
    """A closed port is tried again, then told as something that may pass."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/graphql"
        closed = Api(Endpoint(url), tries=3, wait=waits.append)
        with pytest.raises(RetryableError, match="cannot be reached"):
            closed.query(PING, {})
        closed.close()
    assert len(waits) == 2


def test_where_and_with_what() -> None:
    """Either pair of names; the first where both are; no address is an error that says so."""
    both = {
        "PLEXUS_API_URL": "https://a.example/graphql", "PLEXUS_API_KEY": "a",
        "GRAPHQL_ENDPOINT": "https://b.example/graphql", "GRAPHQL_API_KEY": "b",
    }  # fmt: skip
    assert Endpoint.from_env(both) == Endpoint("https://a.example/graphql", "a")
    other = {name: value for name, value in both.items() if name.startswith("G")}
    assert Endpoint.from_env(other) == Endpoint("https://b.example/graphql", "b")
    for env in ({}, {"PLEXUS_API_URL": "a.example"}):
        with pytest.raises(UsageError, match="GRAPHQL_ENDPOINT"):
            Endpoint.from_env(env)
