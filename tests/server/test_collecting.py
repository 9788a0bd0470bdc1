"""Collecting over HTTP: what is answered, counted and refused (SPEC 1)."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from tallybrook import zstd
from tests.server.running import Account, assert_problem, event

BATCHES = ["/events/batch", "/batch/events"]
NDJSON = {"content-type": "application/x-ndjson"}


def post(account: Account, path: str, body: bytes, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return account.http.post(
        path, content=body, headers={"content-type": "application/json"} | named
    )


def lines(*items: Any) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def test_one_event(account: Account) -> None:
    """202 with its id; the second time a duplicate of the same id, counted once."""
    sent = event(event_id="e1")
    first = account.http.post("/events", json=sent)
    assert (first.status_code, first.json()) == (202, {"status": "accepted", "event_id": "e1"})
    again = account.http.post("/events", json=sent)
    assert (again.status_code, again.json()) == (202, {"status": "duplicate", "event_id": "e1"})
    assert account.total("view") == 1


def test_an_event_comes_back_as_sent(account: Account) -> None:
    """GET /events/{id} gives every field, instants as RFC 3339."""
    sent = event(
        event_id="a b:c@d.é/x", timestamp="2024-01-19T15:37:23.5+01:00", session_id="s",
        anonymous_id="n", properties={"zero": 0, "no": False, "none": None, "text": ""},
        context={"ip": "192.0.2.7", "page": {"url": "/"}}, more=[1],
    )  # fmt: skip
    assert account.http.post("/events", json=sent).status_code == 202
    found = account.get("/events/a b:c@d.é/x")
    assert found["timestamp"] == "2024-01-19T14:37:23.5Z"
    assert found["time_source"] == "event"
    assert found["account_id"] == account.account_id
    assert found["properties"] == sent["properties"]
    assert found["context"] == {"page": {"url": "/"}, "extra": {"more": [1]}}
    assert found["ingested_at"].endswith("Z")


def test_without_id_and_time(account: Account) -> None:
    """The server names it, and its time is the arrival's."""
    reply = account.http.post("/events", json=event()).json()
    found = account.get(f"/events/{reply['event_id']}")
    assert found["time_source"] == "arrival"
    assert found["timestamp"] == found["ingested_at"]
    assert found["properties"] == {}


def test_pretty_printed_json_survives(account: Account) -> None:
    """White space of the sender neither breaks the log nor the answers."""
    body = json.dumps(event(event_id="p", properties={"a": [1, {"b": 2}]}), indent=2).encode()
    assert post(account, "/events", body).status_code == 202
    assert account.get("/events/p")["properties"] == {"a": [1, {"b": 2}]}
    assert post(account, "/events", body).json()["status"] == "duplicate"


@pytest.mark.parametrize("path", BATCHES)
def test_the_same_batch_three_times_counts_once(account: Account, path: str) -> None:
    """Retries change nothing, and each answer adds up."""
    batch = {"events": [event(event_id=f"e{i % 8}") for i in range(10)]}
    replies = [account.http.post(path, json=batch) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [202] * 3
    sums = [(r.json()["accepted"], r.json()["duplicate"], r.json()["rejected"]) for r in replies]
    assert sums == [(8, 2, 0), (0, 10, 0), (0, 10, 0)]
    assert account.total("view") == 8


@pytest.mark.parametrize("kind", ["json", "ndjson"])
def test_each_item_is_answered_for_itself(account: Account, kind: str) -> None:
    """One bad item rejects only itself; the sums add up; it is kept as a failed record."""
    items: list[Any] = [event(event_id="a"), {"user_id": "u"}, event(event_id="a"), 5,
                        event(event_id="b", timestamp=7), event(event_id="c")]  # fmt: skip
    reply = (
        account.http.post("/events/batch", json={"events": items})
        if kind == "json"
        else post(account, "/events/batch", lines(*items), **NDJSON)
    )
    assert reply.status_code == 202
    told = reply.json()
    assert (told["accepted"], told["duplicate"], told["rejected"]) == (2, 1, 3)
    assert [r["status"] for r in told["results"]] == [
        "accepted", "rejected", "duplicate", "rejected", "rejected", "accepted",
    ]  # fmt: skip
    assert [r["index"] for r in told["results"]] == list(range(6))
    assert [r.get("event_id") for r in told["results"]] == ["a", None, "a", None, None, "c"]
    error = told["results"][4]["error"]
    assert error["errors"][0]["pointer"] == "/timestamp"
    kept = {f["failed_id"]: f for f in account.get("/failed")["failed"]}
    assert set(kept) == {r["error"]["failed_id"] for r in told["results"] if "error" in r}
    assert json.loads(kept[error["failed_id"]]["body"]) == items[4]


def test_ndjson_of_half_broken_lines(account: Account) -> None:
    """A line that is no JSON or no UTF-8 is one rejected item, its bytes kept."""
    good = lines(event(event_id="x"))
    body = good + b"{oops\n\n\xff\xfe\n" + good
    told = post(account, "/events/batch", body, **NDJSON).json()
    assert (told["accepted"], told["duplicate"], told["rejected"]) == (1, 1, 2)
    kept = account.get("/failed")["failed"]
    assert {f["encoding"] for f in kept} == {"utf-8", "base64"}


def test_empty_batches(account: Account) -> None:
    """Nothing received is nothing of anything."""
    for reply in (
        account.http.post("/events/batch", json={"events": []}),
        post(account, "/events/batch", b"\n", **NDJSON),
    ):
        assert reply.status_code == 202
        assert reply.json() == {"accepted": 0, "duplicate": 0, "rejected": 0, "results": []}


def test_an_operation(account: Account) -> None:
    """POST /ingest takes the envelope; the business key makes the second a duplicate."""
    envelope = {
        "event_type": "session_started", "timestamp": "2024-01-19T14:37:23Z", "source": "app",
        "payload": {"session_id": "s", "student_id": "u9", "subject": "math"},
    }  # fmt: skip
    first = account.http.post("/ingest", json=envelope)
    again = account.http.post("/ingest", json=envelope | {"timestamp": "2024-01-20"})
    assert (first.status_code, first.json()["status"]) == (202, "accepted")
    assert again.json() == {"status": "duplicate", "event_id": first.json()["event_id"]}
    found = account.get(f"/events/{first.json()['event_id']}")
    assert (found["user_id"], found["session_id"]) == ("u9", "s")
    assert found["context"] == {"source": "app"}


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "zstd", "identity", ""])
@pytest.mark.parametrize("kind", ["json", "ndjson"])
def test_encodings(account: Account, encoding: str, kind: str) -> None:
    """gzip and zstd bodies are read like plain ones."""
    pack: Callable[[bytes], bytes] = {
        "gzip": gzip.compress, "x-gzip": gzip.compress, "zstd": zstd.compress,
    }.get(encoding.lower(), bytes)  # fmt: skip
    items = [event(event_id=f"{i}") for i in range(50)]
    body = json.dumps({"events": items}).encode() if kind == "json" else lines(*items)
    headers = NDJSON if kind == "ndjson" else {}
    reply = post(account, "/events/batch", pack(body), content_encoding=encoding, **headers)
    assert reply.json()["accepted"] == 50


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_several_members(account: Account, pack: Callable[[bytes], bytes]) -> None:
    """Members and frames one after another are one body; garbage after them is refused."""
    name = "gzip" if pack is gzip.compress else "zstd"
    one, two = lines(event(event_id="1")), lines(event(event_id="2"))
    joined = pack(one) + pack(b"") + pack(two)
    reply = post(account, "/events/batch", joined, content_encoding=name, **NDJSON)
    assert reply.json()["accepted"] == 2
    for bad in (joined + b"garbage", joined + b"\0", b"garbage", b""):
        reply = post(account, "/events/batch", bad, content_encoding=name, **NDJSON)
        assert_problem(reply, 400)


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_truncated_bodies_store_nothing(account: Account, pack: Callable[[bytes], bytes]) -> None:
    """A body that is cut short anywhere is refused whole, not half read."""
    packed = pack(lines(*(event("cut", event_id=f"{i}") for i in range(200))))
    name = "gzip" if pack is gzip.compress else "zstd"
    for cut in (1, 4, 8, 9, len(packed) // 2, len(packed) - 3):
        body = packed[: len(packed) - cut]
        reply = post(account, "/events/batch", body, content_encoding=name, **NDJSON)
        assert_problem(reply, 400)
    assert account.total("cut") == 0


@pytest.mark.parametrize(
    "bomb",
    [
        lambda: gzip.compress(b"\0" * 50_000_000),
        lambda: zstd.compress(b"\0" * 200_000_000),
        lambda: zstd.compress(zstd.compress(b" " * 6_000_000)),
    ],
    ids=["gzip", "zstd", "zstd in zstd"],
)
def test_bombs(account: Account, bomb: Callable[[], bytes]) -> None:
    """A small body that would be large is refused by what it would be."""
    body = bomb()
    name = "gzip" if body[:2] == b"\x1f\x8b" else "zstd"
    reply = post(account, "/events/batch", body, content_encoding=name)
    assert reply.status_code in (400, 413)
    assert_problem(reply, reply.status_code)
    reply = post(account, "/events", body, content_encoding=name)
    assert_problem(reply, reply.status_code)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_thousands_of_empty_members(account: Account, name: str) -> None:
    """Bodies made to be slow to read are refused before they are."""
    empty = gzip.compress(b"") if name == "gzip" else zstd.compress(b"")
    body = empty * (4_900_000 // len(empty))
    reply = post(account, "/events/batch", body, content_encoding=name)
    assert_problem(reply, 400)
    assert reply.elapsed.total_seconds() < 3


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "gzip, zstd", "nonsense"])
def test_unknown_encodings(account: Account, encoding: str) -> None:
    """Encodings that we do not read are 415."""
    reply = post(account, "/events", b"{}", content_encoding=encoding)
    assert_problem(reply, 415)


@pytest.mark.parametrize("path", ["/events", "/events/batch", "/ingest", "/query"])
@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/xml", "multipart/form-data; boundary=x", "nonsense",
     "application/json; charset=latin-1", "application/json; charset=utf-16", "application/jso"],
)  # fmt: skip
def test_unknown_types(account: Account, path: str, kind: str) -> None:
    """Content types and charsets that we do not read are 415."""
    assert_problem(post(account, path, json.dumps(event()).encode(), content_type=kind), 415)


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"',
     "text/json", "application/cloudevents+json", "application/json; charset=us-ascii; x=1"],
)  # fmt: skip
def test_json_has_many_names(account: Account, kind: str) -> None:
    """All of them are read."""
    body = json.dumps(event()).encode()
    assert post(account, "/events", body, content_type=kind).status_code == 202


def test_no_type_is_json(account: Account) -> None:
    """A body without a content type is read as JSON."""
    reply = account.http.post("/events", content=json.dumps(event()).encode())
    assert reply.status_code == 202


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/events", 32 * 1024), ("/events/batch", 5_000_000), ("/ingest", 32 * 1024),
     ("/records/items/a", 32 * 1024), ("/records/items", 5_000_000), ("/query", 256 * 1024)],
)  # fmt: skip
@pytest.mark.parametrize("chunked", [False, True])
def test_sizes(account: Account, path: str, limit: int, chunked: bool) -> None:
    """A body over the limit is 413, with its length given or not."""
    body = b"{" + b" " * limit + b"}"
    method = "PUT" if path.endswith("/a") else "POST"
    content = iter([body[:1000], body[1000:]]) if chunked else body
    reply = account.http.request(
        method, path, content=content, headers={"content-type": "application/json"}
    )
    assert_problem(reply, 413)


def test_501_events(account: Account) -> None:
    """500 pass, one more is 413 and stores nothing."""
    items = [event("many", event_id=f"{i}") for i in range(501)]
    assert_problem(account.http.post("/events/batch", json={"events": items}), 413)
    assert_problem(post(account, "/events/batch", lines(*items), **NDJSON), 413)
    assert account.total("many") == 0
    assert account.send(*items[:500])["accepted"] == 500


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"user_id": "u"}, "/event_type"), ({"event_type": "x"}, "/user_id"),
        (event(timestamp=1), "/timestamp"), (event(timestamp="soon"), "/timestamp"),
        (event(properties=[]), "/properties"), (event(event_id=""), "/event_id"),
        (event(payload={"timestamp": 5}), "/payload/timestamp"), ([], ""), ("x", ""),
    ],
)  # fmt: skip
def test_fields_are_422_with_a_pointer(account: Account, body: Any, pointer: str) -> None:
    """The pointer names the field."""
    document = assert_problem(account.http.post("/events", json=body), 422)
    assert [fault["pointer"] for fault in document["errors"]] == [pointer]


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_clocks_of_year_1_and_9999(account: Account, stamp: str) -> None:
    """Are stored, given back, counted and read by every call."""
    kind = f"ends{stamp[:4]}"
    account.send(event(kind, event_id=kind, timestamp=stamp))
    assert account.get(f"/events/{kind}")["timestamp"] == stamp
    assert account.total(kind) == 1
    assert account.get("/users/u1/events")["events"][0]["event_id"] == kind
    day = stamp[:10]
    for minutes in (1, 5, 15, 60):
        found = account.get(f"/aggregations/{kind}", start=day, end=day, minutes=minutes)
        assert sum(bucket["count"] for bucket in found["buckets"]) == 1
    for group in ("1h", "1d", "1w", "1mo"):
        found = account.get("/analytics", metric=kind, start=day, end=day, group_by=group)
        assert found["total"] == 1
    assert account.get(f"/counts/{kind}", start=day, end=day)["count"] == 1
    account.get("/realtime/metrics", as_of=stamp)
    found = account.get(f"/aggregations/{kind}", as_of=stamp)
    account.get(f"/counts/{kind}", end=stamp)
    account.get("/analytics", metric=kind, end=stamp)
    account.get("/analytics", metric=kind, end=day)
