"""Whatever comes in, the answer is a clear refusal and the server goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tallybrook.reaching import NO_AUTHORITIES
from tests.server.running import Account, Running, assert_problem, event

SUITE = Path(__file__).parents[1] / "data" / "JSONTestSuite"
FILES = sorted(SUITE.glob("test_parsing/*.json"))
TRANSFORMS = sorted(SUITE.glob("test_transform/*.json"))
BODIES = [
    ("POST", "/events"), ("POST", "/events/batch"), ("POST", "/batch/events"), ("POST", "/ingest"),
    ("PUT", "/records/items/a"), ("POST", "/records/items"), ("POST", "/query"),
]  # fmt: skip
JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}


def files(prefix: str) -> Iterator[tuple[str, bytes]]:
    for path in FILES:
        if path.name.startswith(prefix):
            yield path.name, path.read_bytes()


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_broken_json_is_400(account: Account, method: str, path: str) -> None:
    """Every ``n_`` document as the whole body: 400 as a problem document, or 413 for its size."""
    for name, body in files("n_"):
        reply = account.http.request(method, path, content=body, headers=JSON)
        accepted = (400, 413) if len(body) > 32_768 else (400,)
        assert reply.status_code in accepted, (name, reply.text)
        assert_problem(reply, reply.status_code)
    assert account.http.get("/health").status_code == 200


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_well_formed_json_is_never_400(account: Account, method: str, path: str) -> None:
    """Every ``y_`` document is read: what is wrong with it, if anything, is its fields."""
    for name, body in files("y_"):
        reply = account.http.request(method, path, content=body, headers=JSON)
        assert reply.status_code in (200, 202, 422), (name, reply.text)
        if reply.status_code == 422:
            assert_problem(reply, 422)


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_doubtful_json_is_read_or_refused(account: Account, method: str, path: str) -> None:
    """Every ``i_`` document, and those of the transform tests: either, never 500."""
    doubtful = [*files("i_"), *((path.name, path.read_bytes()) for path in TRANSFORMS)]
    for name, body in doubtful:
        reply = account.http.request(method, path, content=body, headers=JSON)
        assert reply.status_code in (200, 202, 400, 422), (name, reply.text)
        if reply.status_code >= 400:
            assert_problem(reply, reply.status_code)


@pytest.mark.parametrize("field", ["properties", "payload", "context", "unknown"])
def test_broken_json_deep_inside(account: Account, field: str) -> None:
    """Broken JSON where values are kept unread is found all the same: nothing of it is stored."""
    for name, body in files("n_"):
        inner = b'{"event_type":"deep","user_id":"u","%b":{"a":%b}}' % (field.encode(), body)
        reply = account.http.post("/events", content=inner, headers=JSON)
        # Some are whole documents only where nothing follows them.
        if reply.status_code == 202:
            json.loads(inner)
        else:
            assert reply.status_code in (400, 413, 422), (name, reply.text)


def test_well_formed_json_deep_inside_comes_back(account: Account) -> None:
    """Every ``y_`` document as a property is stored and given back with the same value."""
    for name, body in files("y_"):
        if name == "y_object_duplicated_key_and_value.json":
            continue
        inner = b'{"event_type":"y","user_id":"u","event_id":"%b","properties":{"a":%b}}'
        reply = account.http.post("/events", content=inner % (name.encode(), body), headers=JSON)
        assert reply.status_code == 202, (name, reply.text)
        assert account.get(f"/events/{name}")["properties"]["a"] == json.loads(body), name


@pytest.mark.parametrize("kind", ["json", "ndjson"])
def test_broken_json_as_one_item(account: Account, kind: str) -> None:
    """As one item of a batch: an NDJSON line is rejected alone; inside a JSON array it breaks the
    whole, as JSON has it. The good items of an accepted batch are always stored."""
    good = json.dumps(event("beside")).encode()
    for name, body in files("n_"):
        if kind == "ndjson":
            line = body.replace(b"\n", b" ").replace(b"\r", b" ")
            sent, headers = good + b"\n" + line + b"\n" + good, NDJSON
        else:
            sent, headers = b'{"events":[' + good + b"," + body + b"," + good + b"]}", JSON
        reply = account.http.post("/events/batch", content=sent, headers=headers)
        if reply.status_code == 202:
            told = reply.json()
            assert told["accepted"] == 2, (name, told)
            assert told["accepted"] + told["rejected"] == len(told["results"])
            assert told["rejected"] == len(told["results"]) - 2
        else:
            assert reply.status_code == 400, (name, reply.text)
            assert kind == "json", name


@pytest.mark.parametrize("field", ["id", "createdAt", "op", "name"])
def test_json_values_in_records(account: Account, field: str) -> None:
    """Any well-formed value as a field of a record is kept, skipped or rejected, never 500."""
    for name, body in files("y_"):
        item = b'{"id":"r","%b":%b}' % (field.encode(), body)
        reply = account.http.post(
            "/records/tasks", content=b'{"records":[' + item + b"]}", headers=JSON
        )
        assert reply.status_code == 202, (name, reply.text)


DEEP = 50_000
HOSTILE: dict[str, bytes] = {
    "50 000 arrays": b"[" * DEEP + b"]" * DEEP,
    "50 000 objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "50 000 openers": b"[" * DEEP,
    "50 000 objects cut short": b'{"a":' * DEEP,
    "deep in events": b'{"events":[' + b"[" * DEEP + b"]" * DEEP + b"]}",
    "deep in records": b'{"records":[' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"]}",
    "deep in parameters": b'{"sql":"x","parameters":{"a":' + b"[" * DEEP + b"]" * DEEP + b"}}",
    "4 MB number": b'{"events":[{"event_type":"x","user_id":"u","n":' + b"9" * 4_000_000 + b"}]}",
    "4 MB exponent": b'{"n":1e' + b"9" * 4_000_000 + b"}",
    "10 MB number": b"9" * 10_000_000,
    "invalid UTF-8": b'{"event_type":"\xff\xfe","user_id":"u"}',
    "overlong UTF-8": b'{"event_type":"\xc0\xaf","user_id":"u"}',
    "surrogates in UTF-8": b'{"event_type":"\xed\xa0\x80","user_id":"u"}',
    "UTF-16": '{"event_type":"x","user_id":"u"}'.encode("utf-16"),
    "UTF-32": '{"event_type":"x","user_id":"u"}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"event_type":"x","user_id":"u"}',
    "lone surrogate": b'{"event_type":"\\ud800","user_id":"u"}',
    "lone surrogate inside": b'{"event_type":"x","user_id":"u","properties":{"a":"\\udfff"}}',
    "lone surrogate key": b'{"event_type":"x","user_id":"u","\\udfff":1}',
    "NaN": b'{"event_type":"x","user_id":"u","properties":{"a":NaN}}',
    "Infinity": b'{"event_type":"x","user_id":"u","properties":{"a":-Infinity}}',
    "NUL bytes": b"\0" * 1000,
    "control characters": b'{"event_type":"x\x01","user_id":"u"}',
    "nothing": b"",
    "white space": b" \n\t\r" * 100,
}
FINE: dict[str, bytes] = {
    "NUL text": b'{"event_type":"x\\u0000","user_id":"\\u0000"}',
    "huge key": b'{"event_type":"x","user_id":"u","' + b"k" * 30_000 + b'":1}',
    "duplicate keys": b'{"event_type":"a","event_type":"b","user_id":"u","user_id":"v"}',
    "many keys": b'{"event_type":"x","user_id":"u",'
    + b",".join(b'"%d":0' % i for i in range(3_000)) + b"}",
    "number no float holds": b'{"event_type":"x","user_id":"u","properties":{"n":1e999999}}',
    "20 KB number": b'{"event_type":"x","user_id":"u","properties":{"n":' + b"9" * 20_000 + b"}}",
    "every character": json.dumps(event(properties={"t": "".join(map(chr, range(1, 0xD7FF, 23)))})
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies(account: Account, name: str) -> None:
    """Refused with a reason by every call that takes a body, as JSON and as NDJSON; then the
    server still answers and still collects."""
    body = HOSTILE[name]
    for method, path in BODIES:
        reply = account.http.request(method, path, content=body, headers=JSON)
        if reply.status_code == 202:
            assert (reply.json()["accepted"], reply.json()["rejected"]) == (0, 1)
        else:
            assert reply.status_code in (400, 413, 422), (path, reply.text)
            assert_problem(reply, reply.status_code)
    reply = account.http.post("/events/batch", content=body, headers=NDJSON)
    assert reply.status_code in (202, 413), reply.text
    if reply.status_code == 202:
        assert reply.json()["accepted"] == 0
    assert account.http.post("/events", json=event()).status_code == 202


@pytest.mark.parametrize("name", FINE)
def test_odd_bodies_that_are_fine(account: Account, name: str) -> None:
    """What is odd and well-formed is accepted, stored, and given back by every way of reading."""
    body = FINE[name]
    reply = account.http.post("/events", content=body, headers=JSON)
    assert reply.status_code == 202, reply.text
    found = account.http.get(f"/events/{reply.json()['event_id']}")
    assert found.status_code == 200
    user = json.loads(found.content, parse_int=str)["user_id"]
    batched = b'{"events":[' + body + b"," + body + b"]}"
    assert account.http.post("/events/batch", content=batched, headers=JSON).json()["accepted"] == 2
    found = account.http.get(f"/users/{user.replace(chr(0), '%00')}/events")
    assert len(json.loads(found.content, parse_int=str)["events"]) == 3
    rows = account.http.post("/query", json={"sql": "SELECT * FROM events", "full_scan": True})
    assert rows.status_code == 200, rows.text
    assert len(json.loads(rows.content, parse_int=str)["rows"]) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Authorization": ""}, {"Authorization": "Bearer"},
        {"Authorization": "Bearer nope"}, {"Authorization": "Basic !!!"},
        {"Authorization": "Basic bm9wZTo="}, {"Authorization": "Digest x"}, {"X-API-Key": ""},
        {"X-API-Key": "nope"}, {"X-API-Key": "tb_00000000_" + "0" * 40},
        {"Authorization": "Bearer " + "x" * 8_000}, {"X-API-Key": "\u00e9\u00ff".encode("latin-1")},
        {"Authorization": b"Bearer \xff\xfe"},
    ],
)  # fmt: skip
def test_missing_and_unknown_keys(server: Running, headers: dict[str, Any]) -> None:
    """401 as a problem document, on the quick way and on every other."""
    with httpx.Client(
        base_url=server.url, headers=headers, trust_env=False, verify=NO_AUTHORITIES
    ) as client:
        for method, path in [*BODIES, ("GET", "/series"), ("GET", "/live"), ("GET", "/failed")]:
            body = {"json": event()} if method != "GET" else {}
            assert_problem(client.request(method, path, **body), 401)
