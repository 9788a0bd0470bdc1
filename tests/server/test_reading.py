"""Reading over HTTP: events, users, counters, analytics (SPEC 1 and 2)."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.server.running import Account, Running, assert_problem, event

DAY = timedelta(days=1)
T0 = datetime(2024, 1, 29, tzinfo=UTC)


def at(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@pytest.fixture(scope="module")
def history(server: Running) -> Iterator[Account]:
    """Two months of two types by seven users, on odd minutes, around a month's and a year's end."""
    account = server.account("history")
    moments = [datetime(2023, 12, 20, tzinfo=UTC) + timedelta(hours=7 * i, minutes=13 * i)
               for i in range(200)]  # fmt: skip
    items = [
        event("buy" if i % 3 == 0 else "page_view", f"u{i % 7}", event_id=f"e{i}",
              timestamp=at(moment), properties={"price": i, "shop": {"city": f"c{i % 2}"}})
        for i, moment in enumerate(moments)
    ]  # fmt: skip
    account.send(*items)
    yield account
    account.close()


def test_a_users_events_newest_first(account: Account) -> None:
    """By event time, then by order of arrival; pages join without a gap or a repeat."""
    stamps = [5, 3, 9, 9, 1, 7, 9, 3]
    account.send(
        *(event(event_id=f"e{i}", timestamp=f"2024-01-0{s}") for i, s in enumerate(stamps)),
        event(user="u2", event_id="other"),
        {"event_type": "view", "anonymous_id": "u1", "event_id": "anon", "timestamp": "2024-01-02"},
    )
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = account.get("/users/u1/events", limit=2, **cursor)
        seen += [found["event_id"] for found in page["events"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ["e6", "e3", "e2", "e5", "e0", "e7", "e1", "anon", "e4"]
    assert account.get("/users/nobody/events") == {"events": [], "next_cursor": None}


@pytest.mark.parametrize("user", ["a/b", "a b", "é", "a%2Fb", "auth0|5", "x/events", "a?b#c"])
def test_users_of_any_name(account: Account, user: str) -> None:
    """Any text that can be an id can be asked for."""
    account.send(event(user=user, event_id="1"))
    found = account.get(f"/users/{quote(user, safe='')}/events")
    assert [e["user_id"] for e in found["events"]] == [user]


@pytest.mark.parametrize("name", ["a/b", "a b", "é", "x:y", "event:z"])
def test_series_of_any_name(account: Account, name: str) -> None:
    """An event type of any text has its counters read by its name."""
    account.send(event(name, timestamp="2024-01-19T14:37:23Z"))
    asked = f"event:{name}" if name.startswith("event:") else name
    found = account.get(f"/counts/{quote(asked, safe='')}", start="2024-01-19", end="2024-01-19")
    assert found["count"] == 1


def test_cursors_hold_under_inserts(account: Account) -> None:
    """While newer events come in, a walk through the pages sees exactly the old ones."""
    account.send(*(event(event_id=f"old{i:03}", timestamp="2024-01-01") for i in range(120)))
    stop = threading.Event()
    failures: list[Any] = []

    def insert() -> None:
        number = 0
        while not stop.is_set():
            reply = account.http.post(
                "/events", json=event(event_id=f"new{number}", timestamp="2024-02-01")
            )
            if reply.status_code != 202:
                failures.append(reply.text)
            number += 1

    writer = threading.Thread(target=insert)
    writer.start()
    try:
        page = account.get("/users/u1/events", limit=5)
        while page["events"][-1]["event_id"].startswith("new"):
            page = account.get("/users/u1/events", limit=5, cursor=page["next_cursor"])
        seen = [e["event_id"] for e in page["events"] if e["event_id"].startswith("old")]
        while page["next_cursor"]:
            page = account.get("/users/u1/events", limit=7, cursor=page["next_cursor"])
            seen += [e["event_id"] for e in page["events"]]
    finally:
        stop.set()
        writer.join()
    assert seen == [f"old{i:03}" for i in reversed(range(120))]
    assert failures == []


@pytest.mark.parametrize("cursor", ["", "x", "!!", "bnVsbA", "e30", "W10", "é", "a" * 5_000])
def test_cursors_that_were_not_given_out(account: Account, cursor: str) -> None:
    """Are refused."""
    assert_problem(account.http.get("/users/u/events", params={"cursor": cursor}), 422)


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.5", "x", "", "9" * 40, "١"])
@pytest.mark.parametrize("path", ["/users/u/events", "/failed"])
def test_limits(account: Account, path: str, limit: str) -> None:
    """From 1 to 1000."""
    assert_problem(account.http.get(path, params={"limit": limit}), 422)


def test_an_unknown_event(account: Account) -> None:
    """404 as a problem document."""
    assert_problem(account.http.get("/events/none"), 404)


RANGES = [
    ("2024-01-01", "2024-01-14"), ("2023-12-25", "2024-02-10"), ("2024-01-31", "2024-02-01"),
    ("2023-12-31T22:30:00Z", "2024-01-01T03:45:00Z"),
    ("2024-01-10T10:10:00Z", "2024-01-10T18:20:00Z"),
]  # fmt: skip


@pytest.mark.parametrize("group", ["1m", "5m", "15m", "1h", "1d", "1w", "1mo"])
@pytest.mark.parametrize("span", RANGES, ids=lambda span: "..".join(span))
def test_counters_say_what_a_scan_says(history: Account, group: str, span: tuple[str, str]) -> None:
    """The same series by counters and by a scan, point by point, for every length of period."""
    if group == "1m" and span[0] in ("2023-12-25", "2024-01-01"):
        span = (span[0], span[0])  # more would be more periods than are answered
    asked = {"metric": "page_views", "start": span[0], "end": span[1], "group_by": group}
    counted = history.get("/analytics", **asked)
    scanned = history.get("/analytics", **asked, event_type="page_view")
    assert (counted["source"], scanned["source"]) == ("counters", "scan")
    assert counted["series"] == scanned["series"]
    assert counted["total"] == scanned["total"] == sum(p["value"] for p in counted["series"])
    starts = [point["start"] for point in counted["series"]]
    assert starts == sorted(set(starts))


def test_days_are_inclusive_and_instants_are_exact(history: Account) -> None:
    """A date as end is the whole day; an instant as end is excluded."""
    whole = history.get("/analytics", metric="buy", start="2024-01-01", end="2024-01-02")
    exact = history.get(
        "/analytics", metric="buy", start="2024-01-01T00:00:00Z", end="2024-01-03T00:00:00Z"
    )
    assert whole["series"] == exact["series"]
    assert [point["start"] for point in whole["series"]] == [
        "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z",
    ]  # fmt: skip
    assert whole["end"] == "2024-01-03T00:00:00Z"
    assert whole["complete"]


def test_weeks_are_iso_weeks(history: Account) -> None:
    """Weeks start on Monday, across the end of a year."""
    found = history.get(
        "/analytics", metric="buy", start="2023-12-30", end="2024-01-09", group_by="1w"
    )
    assert [point["start"][:10] for point in found["series"]] == [
        "2023-12-25", "2024-01-01", "2024-01-08",
    ]  # fmt: skip


def test_users_sums_and_means(history: Account) -> None:
    """Distinct users, sums and means of a property, filtered; a mean of nothing is null."""
    span = {"start": "2023-12-20", "end": "2024-02-29", "group_by": "1mo"}
    users = history.get("/analytics", metric="unique_users", **span)
    assert users["total"] == 7
    assert [point["value"] for point in users["series"]] == [7, 7, 7]
    total = history.get("/analytics", metric="sum:price", **span)
    assert total["total"] == sum(range(200))
    mean = history.get("/analytics", metric="avg:price", event_type="buy", **span)
    assert mean["total"] == pytest.approx(sum(range(0, 200, 3)) / 67)
    city = history.get(
        "/analytics", **{"metric": "page_view", "properties.shop.city": "c1"}, **span
    )
    assert city["total"] == sum(1 for i in range(200) if i % 3 and i % 2)
    none = history.get("/analytics", metric="avg:price", start="2020-01-01", end="2020-01-02")
    assert none["total"] is None
    assert [point["value"] for point in none["series"]] == [None, None]


def test_analytics_is_zero_filled(account: Account) -> None:
    """The last seven days by day, zeros included, also of what never was."""
    found = account.get("/analytics", metric="never")
    assert [point["value"] for point in found["series"]] == [0] * 7
    assert (found["total"], found["group_by"]) == (0, "1d")
    assert not found["complete"]
    today = datetime.now(UTC).date().isoformat()
    assert found["series"][-1]["start"][:10] in (
        today,
        (datetime.now(UTC) - DAY).date().isoformat(),
    )


def test_records_are_counted_in_analytics(account: Account) -> None:
    """A record type is a metric too; what its counters cannot say is refused, not made 0."""
    account.http.put("/records/items/a", json={"createdAt": "2024-01-19T14:37:23Z"})
    span = {"start": "2024-01-19", "end": "2024-01-19"}
    for metric in ("items", "record:items"):
        assert account.get("/analytics", metric=metric, **span)["total"] == 1
    assert account.get("/analytics", metric="event:items", **span)["total"] == 0
    assert account.get("/analytics", metric="event:items", user_id="x", **span)["total"] == 0
    asked = {"metric": "items", "start": "2024-01-19T00:00:00.5Z", "end": "2024-01-20"}
    assert_problem(account.http.get("/analytics", params=asked), 422)
    assert_problem(account.http.get("/analytics", params={"metric": "items", "user_id": "u"}), 422)


@pytest.mark.parametrize("path", ["/analytics", "/counts/view", "/aggregations/view"])
@pytest.mark.parametrize(
    "query",
    [
        {"start": "2024-01-02", "end": "2024-01-01"},
        {"start": "2024-01-03", "end": "2024-01-01"},
        {"start": "2024-01-02T00:00:00.000001Z", "end": "2024-01-02T00:00:00Z"},
        {"start": "soon"}, {"end": "1705675043"}, {"start": ""}, {"end": "2024-01-01T25:00:00Z"},
    ],
)  # fmt: skip
def test_ranges_that_are_none(account: Account, path: str, query: dict[str, str]) -> None:
    """Start after end, and what is no instant: 422 that names the parameter."""
    document = assert_problem(account.http.get(path, params={"metric": "view"} | query), 422)
    assert document["errors"][0]["pointer"] in ("/start", "/end")


@pytest.mark.parametrize(
    "query",
    [
        {}, {"metric": ""}, {"metric": "x", "group_by": "1y"}, {"metric": "x", "color": "red"},
        {"metric": "sum:"}, {"metric": "sum:a b"}, {"metric": "x", "properties.a;b": "1"},
        {"metric": "x", "start": "0001-01-01", "group_by": "1m"},
    ],
)  # fmt: skip
def test_refused_analytics(account: Account, query: dict[str, str]) -> None:
    """What cannot be answered is 422."""
    assert_problem(account.http.get("/analytics", params=query), 422)


def test_an_offset_in_a_query(account: Account) -> None:
    """A plus sign that a client did not escape is an offset all the same."""
    account.send(event(timestamp="2024-01-19T14:37:23Z"))
    reply = account.http.get(
        "/counts/view?start=2024-01-19T15:37:00+01:00&end=2024-01-19T15:38:00%2B01:00"
    )
    assert reply.json()["count"] == 1


def test_counts_and_their_buckets(account: Account) -> None:
    """The count over a range, and which stored buckets gave it."""
    account.send(*(event("tick", event_id=f"{m}", timestamp=at(T0 + timedelta(minutes=m)))
                   for m in range(180)))  # fmt: skip
    found = account.get(
        "/counts/tick", start=at(T0 + timedelta(minutes=44)), end=at(T0 + timedelta(minutes=141.5))
    )
    assert found["count"] == 97
    assert found["buckets_used"] == {"60": 1, "15": 2, "5": 1, "1": 2}
    assert found["counted_end"] == at(T0 + timedelta(minutes=141))


def test_buckets_with_the_names_of_the_schema(account: Account) -> None:
    """Stored buckets, zeros filled in, ``complete`` as of the instant asked about."""
    account.http.put("/records/items/a", json={"createdAt": "2024-01-19T14:37:23Z"})
    found = account.get(
        "/aggregations/items", minutes=5, start="2024-01-19T14:31:00Z",
        end="2024-01-19T14:40:00Z", as_of="2024-01-19T14:36:00Z",
    )  # fmt: skip
    first, second = found["buckets"]
    assert (first["count"], first["complete"], first["createdAt"]) == (0, True, None)
    assert {k: v for k, v in second.items() if not k.endswith("At")} == {
        "accountId": account.account_id, "compositeKey": "items#2024-01-19T14:35:00Z#5",
        "recordType": "items", "timeRangeStart": "2024-01-19T14:35:00Z",
        "timeRangeEnd": "2024-01-19T14:40:00Z", "numberOfMinutes": 5, "count": 1,
        "complete": False,
    }  # fmt: skip
    assert found["kind"] == "record"


@pytest.mark.parametrize("minutes", ["0", "2", "61", "x", "5.0"])
def test_sizes_that_are_not_stored(account: Account, minutes: str) -> None:
    """1, 5, 15 and 60."""
    assert_problem(account.http.get("/aggregations/x", params={"minutes": minutes}), 422)


def test_the_view_of_now_and_of_then(account: Account) -> None:
    """Current and previous buckets of each size as of an instant; the four sizes check out."""
    account.send(
        event(event_id="a", timestamp="2024-01-19T13:59:59Z"),
        event(event_id="b", timestamp="2024-01-19T14:37:00Z"),
    )
    found = account.get("/realtime/metrics", as_of="2024-01-19T14:37:23Z")
    (series,) = found["series"]
    assert series["buckets"]["1"]["current"] == {
        "start": "2024-01-19T14:37:00Z", "end": "2024-01-19T14:38:00Z", "count": 1,
        "complete": False,
    }  # fmt: skip
    assert series["buckets"]["60"]["previous"]["count"] == 1
    assert found["check"]["ok"]
    assert found["check"]["totals"] == {"1": 1, "5": 1, "15": 1, "60": 1}
    assert found["lag_ms"] >= 0
    account.send(event("now"))
    now = account.get("/realtime/metrics")
    hour = {s["series"]: s["buckets"]["60"] for s in now["series"]}["now"]
    assert hour["current"]["count"] + hour["previous"]["count"] == 1
    assert_problem(account.http.get("/realtime/metrics", params={"as_of": "soon"}), 422)


def test_series(account: Account) -> None:
    """Every series with its count and span."""
    assert account.get("/series") == {"series": []}
    account.send(event(timestamp="2024-01-19T14:37:23Z"))
    assert account.get("/series")["series"] == [
        {"series": "view", "kind": "event", "count": 1, "first": "2024-01-19T14:00:00Z",
         "last": "2024-01-19T15:00:00Z"}
    ]  # fmt: skip


def test_records_over_http(account: Account) -> None:
    """Put, move, delete: the buckets follow; batches answer by item."""

    def hours() -> dict[str, int]:
        found = account.get("/aggregations/items", minutes=60, start="2024-01-19", end="2024-01-19")
        return {b["timeRangeStart"][11:13]: b["count"] for b in found["buckets"] if b["count"]}

    put = account.http.put("/records/items/a/b", json={"createdAt": "2024-01-19T14:37:23Z"})
    assert put.json() == {"status": "created", "id": "a/b", "counted": True, "skipped": None}
    assert hours() == {"14": 1}
    put = account.http.put("/records/items/a/b", json={"createdAt": "2024-01-19T15:37:23Z"})
    assert put.json()["status"] == "updated"
    assert hours() == {"15": 1}
    put = account.http.put("/records/items/c", json={"createdAt": "soon"})
    assert put.json()["skipped"] == "invalid_timestamp"
    batch = account.http.post("/records/items", json={"records": [
        {"id": "d", "updatedAt": "2024-01-19T16:00:00Z"}, {"op": "delete", "id": "a/b"},
        {"op": "burn", "id": "x"}, {"op": "delete", "id": "nope"},
    ]})  # fmt: skip
    told = batch.json()
    assert batch.status_code == 202
    assert (told["applied"], told["unchanged"], told["rejected"]) == (2, 1, 1)
    assert [r["status"] for r in told["results"]] == ["created", "deleted", "rejected", "absent"]
    assert hours() == {"16": 1}
    assert account.http.delete("/records/items/d").json()["status"] == "deleted"
    assert account.http.delete("/records/items/d").json()["status"] == "absent"
    assert hours() == {}
    assert_problem(account.http.put("/records/nope/a", json={}), 422)
    assert_problem(account.http.put("/records/items/a", json={"accountId": "rival"}), 422)


def test_health_ready_and_metrics_need_no_key(server: Running, account: Account) -> None:
    """And tell whether it can write, and Prometheus what it did."""
    account.send(event(), {"bad": 1})
    del account.http.headers["Authorization"]
    assert account.get("/health") == {"status": "ok"}
    ready = account.get("/ready")
    assert ready["status"] == "ready"
    assert ready["writer"]["ok"]
    assert ready["head_seq"] == server.context.log.head
    text = account.http.get("/metrics")
    assert text.headers["content-type"].startswith("text/plain")
    for name in ("events_accepted", "events_rejected", "writer_pending", "log_head", "commits"):
        assert f"\ntallybrook_{name}" in text.text
    assert account.http.head("/health").status_code == 200
