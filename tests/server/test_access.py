"""Keys, scopes, rates, accounts (SPEC 11)."""

import base64
import time
from collections.abc import Callable

import httpx
import pytest

from tallybrook.entrypoints.server.route import Route
from tallybrook.entrypoints.server.routes import ROUTES
from tallybrook.reaching import NO_AUTHORITIES
from tests.server.running import Account, Running, assert_problem, event
from tests.support import wait_for

SCOPED = [route for route in ROUTES if route.scope is not None]


def call(account: Account, route: Route) -> httpx.Response:
    """The call of a route with names that exist nowhere, without a body; streams only begun."""
    path = route.path
    for name, value in (("type", "items"), ("id", "x"), ("series", "x")):
        path = path.replace(f"{{{name}}}", value)
    with account.http.stream(route.method, path) as reply:
        if "event-stream" not in reply.headers["content-type"]:
            reply.read()
        return reply


@pytest.mark.parametrize("route", SCOPED, ids=lambda r: f"{r.method} {r.path}")
def test_scopes(new_account: Callable[..., Account], route: Route) -> None:
    """A key with every other scope is 403; one with the scope, or admin, passes that door."""
    others = {"write", "read", "query"} - {route.scope}
    assert_problem(call(new_account(scopes=others), route), 403)
    for scopes in ({route.scope}, {"admin"}):
        assert call(new_account(scopes=scopes), route).status_code not in (401, 403)


@pytest.mark.parametrize("route", SCOPED, ids=lambda r: f"{r.method} {r.path}")
def test_every_call_needs_a_key(account: Account, route: Route) -> None:
    """Without one: 401, whatever the rest of the call."""
    del account.http.headers["Authorization"]
    assert_problem(call(account, route), 401)


def test_ways_to_send_a_key(server: Running, account: Account) -> None:
    """As bearer, in any case of the scheme; as user of basic; as X-API-Key."""
    basic = base64.b64encode(f"{account.key}:".encode()).decode()
    for headers in (
        {"Authorization": f"Bearer {account.key}"}, {"authorization": f"bearer  {account.key}"},
        {"Authorization": f"Basic {basic}"}, {"X-API-Key": account.key},
    ):  # fmt: skip
        reply = httpx.post(
            f"{server.url}/events", json=event(), headers=headers, trust_env=False,
            verify=NO_AUTHORITIES,
        )  # fmt: skip
        assert reply.status_code == 202, headers


@pytest.mark.parametrize("change", ["revoke", "rotate"])
def test_changes_of_keys_take_effect(server: Running, account: Account, change: str) -> None:
    """A key that another process revokes or rotates is refused within two seconds on the quick way
    and on every other; after a rotation the new text opens."""
    assert account.http.post("/events", json=event()).status_code == 202
    assert account.http.get("/series").status_code == 200
    started = time.monotonic()
    done = getattr(server.keys, change)(account.key_id)
    for method, path in (("GET", "/series"), ("POST", "/events")):
        body = {"json": event()} if method == "POST" else {}
        wait_for(
            lambda m=method, p=path, b=body: account.http.request(m, p, **b).status_code == 401,
            2.5, f"{method} {path} to be refused",
        )  # fmt: skip
    assert time.monotonic() - started < 2.5
    if change == "rotate":
        account.http.headers["Authorization"] = f"Bearer {done[1]}"
        assert account.http.get("/series").status_code == 200


def test_rates(new_account: Callable[..., Account]) -> None:
    """Over the key's rate: 429 with Retry-After, nothing stored; batches weigh their items."""
    account = new_account(rate=5.0)
    replies = [account.http.post("/events", json=event(event_id=f"{i}")) for i in range(20)]
    refused = [reply for reply in replies if reply.status_code == 429]
    accepted = [reply for reply in replies if reply.status_code == 202]
    assert len(accepted) + len(refused) == 20
    assert 10 <= len(accepted) < 20
    for reply in refused:
        assert assert_problem(reply, 429)["type"] == "/docs/errors#rate-limited"
    batch = [event(event_id=f"b{i}") for i in range(50)]
    assert_problem(account.http.post("/events/batch", json={"events": batch}), 429)
    puts = [account.http.put("/records/items/a", json={}) for _ in range(20)]
    assert 429 in {reply.status_code for reply in puts}
    assert account.total("view") == len(accepted)


def test_query_rates(own_server: Callable[..., Running]) -> None:
    """A key may start so many queries a minute, then 429 with Retry-After; prices do not count."""
    account = own_server(sql=True, query_rate=3.0).account("acme")
    for _ in range(4):
        account.http.post("/query", json={"sql": "SELECT 1", "dry_run": True}).raise_for_status()
    asked = [account.http.post("/query", json={"sql": "SELECT 1"}) for _ in range(4)]
    assert [reply.status_code for reply in asked[:3]] == [200] * 3
    assert_problem(asked[3], 429)


@pytest.mark.parametrize("name", ["shared", "a/b"])
def test_accounts_see_nothing_of_each_other(new_account: Callable[..., Account], name: str) -> None:
    """The same ids in two accounts are two things; no call of one shows anything of the other."""
    mine, rival = new_account(), new_account()
    secret = "rival-secret"
    rival.send(
        event(f"{secret}-type", name, event_id=name, properties={"s": secret}), {"u": secret}
    )
    rival.http.put(f"/records/items/{name}", json={"createdAt": "2024-01-01", "s": secret})
    (failure,) = rival.get("/failed")["failed"]
    reads = (
        f"/events/{name}", f"/users/{name}/events", "/series", "/realtime/metrics", "/failed",
        f"/failed/{failure['failed_id']}", "/analytics?metric=unique_users", "/failed?status=all",
        "/counts/items?start=2024-01-01", "/consumers", "/analytics?metric=sum:s",
    )  # fmt: skip
    for path in reads:
        text = mine.http.get(path).text
        assert secret not in text, path
        assert rival.account_id not in text, path
    assert mine.http.get(f"/events/{name}").status_code == 404
    assert mine.http.get(f"/failed/{failure['failed_id']}").status_code == 404
    assert_problem(mine.http.post(f"/failed/{failure['failed_id']}/replay", json=event()), 404)
    assert_problem(mine.http.delete(f"/failed/{failure['failed_id']}"), 404)
    assert mine.get("/analytics", metric="unique_users")["total"] == 0
    assert mine.get("/analytics", metric=f"{secret}-type")["total"] == 0
    assert mine.get(f"/counts/{secret}-type")["count"] == 0
    assert {b["count"] for b in mine.get(f"/aggregations/{secret}-type")["buckets"]} == {0}
    for sql in (
        "SELECT * FROM events", f"SELECT * FROM events WHERE account_id = '{rival.account_id}'",
        "SELECT count(*) FROM events",
    ):  # fmt: skip
        found = mine.http.post("/query", json={"sql": sql, "full_scan": True})
        assert secret not in found.text
        if found.status_code == 200 and "count(*)" in sql:
            assert found.json()["rows"] == [[0]]
    assert mine.send(event(event_id=name))["accepted"] == 1
    assert mine.http.put(f"/records/items/{name}", json={}).json()["status"] == "created"
    assert mine.http.delete(f"/records/items/{name}").json()["status"] == "deleted"
    assert rival.total("items") == 1
    assert rival.get(f"/events/{name}")["properties"] == {"s": secret}


def test_with_authentication_off(own_server: Callable[..., Running]) -> None:
    """Everything is open, under the default account."""
    running = own_server(auth=False)
    with httpx.Client(base_url=running.url, trust_env=False, verify=NO_AUTHORITIES) as client:
        assert client.post("/events", json=event(event_id="e")).status_code == 202
        assert client.get("/events/e").json()["account_id"] == "default"
        assert client.get("/failed").status_code == 200
        headers = {"Authorization": "Bearer anything"}
        assert client.get("/series", headers=headers).status_code == 200
        assert client.post("/events", json=event(), headers=headers).status_code == 202
