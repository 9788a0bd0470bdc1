"""Every error has one shape, and no trace of ours (SPEC 0.8)."""

from typing import Any

import httpx
import pytest

from tallybrook.entrypoints.server.routes import ROUTES
from tests.server.running import Account, assert_problem

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
PATHS = sorted({route.path for route in ROUTES})


def filled(path: str, value: str = "x") -> str:
    for name in ("{type}", "{id}", "{series}"):
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("path", PATHS)
def test_methods_that_a_path_has_not(account: Account, path: str) -> None:
    """405 that names those it has (an id may take the place of a fixed name: then 404)."""
    mine = {route.method for route in ROUTES if route.path == path}
    for method in METHODS:
        if method in mine:
            continue
        reply = account.http.request(method, filled(path))
        if reply.status_code == 404:
            assert_problem(reply, 404)
            continue
        assert_problem(reply, 405)
        assert mine <= set(reply.headers["allow"].replace(" ", "").split(","))


AN_OBJECT: dict[str, Any] = {"json": {"sql": 5}}  # a good body for some, and ignored by others
ODD_PARAMS: dict[str, Any] = {
    "params": {"limit": "x", "start": "x", "minutes": "x", "topics": "x", "since": "x",
               "as_of": "x", "metric": "", "cursor": "!", "status": "?"}
}  # fmt: skip
WRONG: list[dict[str, Any]] = [
    {"content": b"{"}, {"content": b"\xff\x00"}, {"content": b"[]"}, {"content": b"5"},
    AN_OBJECT, {"json": {"events": 5}}, {"json": {"records": 5}},
    {"content": b"{}", "headers": {"content-type": "text/html"}},
    {"content": b"{}", "headers": {"content-encoding": "br"}},
    {"content": b"{}", "headers": {"content-encoding": "gzip"}},
    ODD_PARAMS,
]  # fmt: skip


ODD = ("%00", "a%2Fb", "%ff", "'", "\u00e9", "x" * 3_000, "%0A")


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
def test_one_shape_on_every_route(account: Account, route: Any) -> None:
    """Whatever is wrong with a call of whichever route: a problem document of the same shape."""
    calls = [(wrong, "x") for wrong in WRONG if route.path != "/live" or "params" in wrong]
    if "{" in route.path:  # else they are all the same call
        calls += [(wrong, name) for wrong in (AN_OBJECT, ODD_PARAMS) for name in ODD]
    for wrong, name in calls:
        reply = account.http.request(route.method, filled(route.path, name), **wrong)
        assert reply.status_code < 500, reply.text
        if reply.status_code >= 400:
            assert_problem(reply, reply.status_code)


@pytest.mark.parametrize("path", ["/nothing", "/events/", "/users", "/records", "/assets/none.js"])
def test_unknown_paths(account: Account, path: str) -> None:
    """404 in the same shape."""
    assert_problem(account.http.get(path), 404)


@pytest.mark.parametrize(
    "path", ["/assets/../server.py", "/assets/%2e%2e/index.html", "/assets//etc/passwd", "/..%2f.."]
)
def test_paths_that_climb(account: Account, path: str) -> None:
    """Lead nowhere."""
    reply = account.http.send(httpx.Request(
        "GET", httpx.URL(account.http.base_url.join("/"), raw_path=path.encode())
    ))  # fmt: skip
    assert_problem(reply, 404)


def test_a_fault_of_ours_is_told_without_its_trace(
    account: Account, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 with a type and no more; what it was is in the log."""

    def broken(*_args: object) -> None:
        raise KeyError("tallybrook.secret in site-packages")

    monkeypatch.setattr(type(server.context.stores.events), "get", broken)
    reply = account.http.get("/events/x")
    document = assert_problem(reply, 500)
    assert document["type"] == "/docs/errors#internal"
