"""Failed records over HTTP: listed, edited, replayed once (SPEC 0.3)."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.server.running import Account, assert_problem, event


def failed_id(account: Account, item: Any) -> str:
    """Have a batch reject an item; the id of what is kept of it."""
    told = account.send(item)
    assert told["rejected"] == 1
    return str(told["results"][0]["error"]["failed_id"])


def replay(account: Account, name: str, edited: Any = None) -> Any:
    body = {} if edited is None else {"json": edited}
    return account.http.post(f"/failed/{name}/replay", **body)


def test_listing(account: Account) -> None:
    """Newest first, page by page, by status; each with its reason and its original."""
    names = [failed_id(account, {"user_id": f"u{i}"}) for i in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = account.get("/failed", limit=2, **cursor)
        seen += [found["failed_id"] for found in page["failed"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == names[::-1]
    found = account.get(f"/failed/{names[0]}")
    assert (found["status"], found["tries"], found["source"]) == ("open", 1, "events/batch")
    assert found["reason"] == "invalid"
    assert "/event_type" in found["detail"]
    assert json.loads(found["body"]) == {"user_id": "u0"}
    assert account.get("/failed", status="replayed")["failed"] == []
    assert len(account.get("/failed", status="all")["failed"]) == 5
    assert_problem(account.http.get("/failed", params={"status": "lost"}), 422)
    assert_problem(account.http.get("/failed/none"), 404)


def test_replaying_with_an_edit_exactly_once(account: Account) -> None:
    """As it was it is refused with its reason; edited it counts; a second time is 409."""
    name = failed_id(account, {"user_id": "u"})
    assert_problem(replay(account, name), 422)
    assert account.get(f"/failed/{name}")["status"] == "open"
    done = replay(account, name, event("mended"))
    assert (done.status_code, done.json()) == (200, {"status": "accepted", "event_id": name})
    assert account.total("mended") == 1
    assert account.get(f"/failed/{name}")["status"] == "replayed"
    for again in (replay(account, name, event("mended")), replay(account, name)):
        assert_problem(again, 409)
    assert_problem(account.http.delete(f"/failed/{name}"), 409)
    assert account.total("mended") == 1


def test_replaying_what_came_in_meanwhile(account: Account) -> None:
    """If the client itself has sent it by now, the replay is a duplicate and settles the record."""
    name = failed_id(account, {"event_id": "mine", "user_id": "u"})
    account.send(event("own", event_id="mine"))
    done = replay(account, name, event("own", event_id="mine"))
    assert done.json() == {"status": "duplicate", "event_id": "mine"}
    assert account.total("own") == 1
    assert account.get(f"/failed/{name}")["status"] == "replayed"


def test_many_replays_at_once(account: Account) -> None:
    """Of replays at the same moment, each under another id, one counts and the others are 409."""
    name = failed_id(account, {"user_id": "u"})
    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda i: replay(account, name, event("race", event_id=f"e{i}")), range(24))
        )
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 23
    assert account.total("race") == 1


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"\xff", 400), (b"[]", 422), (b"{}", 422)]
)
def test_edits_that_are_still_wrong(account: Account, body: bytes, status: int) -> None:
    """Are refused, and the record stays open as it was."""
    name = failed_id(account, {"user_id": "u"})
    before = account.get(f"/failed/{name}")
    assert_problem(account.http.post(f"/failed/{name}/replay", content=body), status)
    assert account.get(f"/failed/{name}") == before


def test_a_record_of_a_table(account: Account) -> None:
    """A row that was rejected goes back into its table."""
    told = account.http.post("/records/tasks", json={"records": [{"op": "burn", "id": "a"}]}).json()
    name = told["results"][0]["error"]["failed_id"]
    two_items = b'{"id":"a"},{"id":"b"}'
    assert_problem(account.http.post(f"/failed/{name}/replay", content=two_items), 400)
    done = replay(account, name, {"id": "a", "createdAt": "2024-01-19"})
    assert done.json() == {"status": "created", "event_id": None}
    assert account.total("tasks") == 1
    assert_problem(replay(account, name), 409)


def test_discarding(account: Account) -> None:
    """A discarded record stays on file as such and cannot be replayed."""
    name = failed_id(account, {"user_id": "u"})
    assert account.http.delete(f"/failed/{name}").json()["status"] == "discarded"
    assert_problem(replay(account, name, event()), 409)
    assert_problem(account.http.delete(f"/failed/{name}"), 409)
    assert account.get("/failed")["failed"] == []


def test_bytes_that_are_no_text(account: Account) -> None:
    """Come back as base64, and can be replayed edited."""
    account.http.post(
        "/events/batch", content=b"\xff\xfe\n", headers={"content-type": "application/x-ndjson"}
    )
    (found,) = account.get("/failed")["failed"]
    assert (found["encoding"], found["body"], found["reason"]) == ("base64", "//4=", "malformed")
    assert replay(account, found["failed_id"], event()).status_code == 200
