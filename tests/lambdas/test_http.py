"""Requests as API Gateway and load balancers deliver them."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from tallybrook.entrypoints.lambdas import http, runtime, web
from tallybrook.events.reading import read_event
from tallybrook.ports.log import Write
from tallybrook.ports.log.aws import DynamoLog
from tests.lambdas import deliveries as d
from tests.lambdas.requests import elb, v1, v2
from tests.lambdas.samples import Sample, samples
from tests.lambdas.stack import ADMIN_KEY, Stack
from tests.support.calls import meddling

REQUESTS = ("apigw:", "alb")
NO_REQUESTS = {
    "apiGatewayAuthorizerRequestEvent",
    "apiGatewayAuthorizerV2Event",
    "apigateway__request-authorizer",
    "appSyncAuthorizerEvent",
    "vpcLatticeEventV2PathTrailingSlash",
    "vpcLatticeV2Event",
    "vpcLatticeV2EventWithHeaders",
}
"""Authorizers and VPC Lattice: in the index as requests, and they are none that we serve."""

BROKEN = {
    "apiGatewayProxyEventAnotherPath",
    "apiGatewayProxyEventPathTrailingSlash",
    "apiGatewayProxyEvent_noVersionAuth",
}
"""Their bodies are said to be base64 and are not."""


@pytest.fixture
def site(here: Stack) -> Iterator[Stack]:
    web.forget()
    yield here
    web.forget()


@pytest.fixture
def key(site: Stack) -> str:
    return ADMIN_KEY


GATES = pytest.mark.parametrize("gate", [v2, v1, elb])


def answer(event: Any) -> tuple[int, Any]:
    got = http.handler(event, None)
    return got["statusCode"], json.loads(got["body"]) if got["body"] else None


@GATES
def test_an_event_goes_in_and_is_found(site: Stack, key: str, gate: Any) -> None:
    """The same application behind every gateway: accepted, told as duplicate, read back."""
    bearer = {"authorization": f"Bearer {key}"}
    posted = gate("POST", "/events", json.dumps(d.event("a b/c")), **bearer)
    assert answer(posted) == (202, {"status": "accepted", "event_id": "a b/c"})
    assert answer(posted) == (202, {"status": "duplicate", "event_id": "a b/c"})
    status, found = answer(gate("GET", "/events/a%20b/c", **bearer))
    assert (status, found["event_id"]) == (200, "a b/c")


@GATES
def test_a_refusal_is_a_problem_document(site: Stack, gate: Any) -> None:
    """Nothing is base64, so that a REST API without binary types shows it too."""
    got = http.handler(gate("GET", "/failed?limit=3"), None)
    assert (got["statusCode"], got["isBase64Encoded"]) == (401, False)
    assert json.loads(got["body"])["status"] == 401
    assert got["headers"]["content-type"] == "application/problem+json"
    assert got["headers"]["www-authenticate"]


@GATES
def test_a_body_may_come_as_base64(site: Stack, key: str, gate: Any) -> None:
    """Compressed bodies do."""
    body = b64encode(json.dumps({"events": [d.event("a"), d.event("b")]}).encode()).decode()
    event = gate("POST", "/events/batch", body, authorization=f"Bearer {key}")
    assert answer(event | {"isBase64Encoded": True})[1]["accepted"] == 2
    assert answer(event | {"isBase64Encoded": True, "body": "a"})[0] == 400


def expected(sample: Sample) -> set[int]:
    """The page is at the root; the other paths are not ours."""
    if sample.name in NO_REQUESTS:
        return {415}
    if sample.name in BROKEN:
        return {400}
    return {200, 405} if sample.read().get("rawPath") == "/" else {404}


@pytest.mark.parametrize("sample", samples(*REQUESTS), ids=lambda sample: sample.name)
def test_every_sample_of_a_request_is_answered(site: Stack, sample: Sample) -> None:
    """With an answer the gateway understands: none of them names a route of ours with a key."""
    got = http.handler(sample.read(), None)
    assert got["statusCode"] in expected(sample), got
    assert isinstance(got["body"], str)
    if got["statusCode"] >= 400:
        assert json.loads(got["body"])["status"] == got["statusCode"]


def test_the_application_outlives_the_invocation(site: Stack, key: str) -> None:
    """It is started once, in a loop of its own, whatever else sets the thread's loop."""
    headers = {"authorization": f"Bearer {key}"}
    assert answer(v2("GET", "/health", **headers))[0] == 200
    first = web.opened(sql=False)
    asyncio.run(asyncio.sleep(0))
    assert answer(v2("GET", "/ready", **headers))[0] == 200
    assert web.opened(sql=False) is first


def test_live_updates_are_elsewhere(site: Stack, key: str) -> None:
    """A function cannot hold a stream open; the answer says where they are."""
    status, problem = answer(v2("GET", "/live", authorization=f"Bearer {key}"))
    assert status == 404
    assert "WebSocket" in problem["detail"]


def test_the_page_and_its_assets_are_served(site: Stack) -> None:
    """The dashboard comes out of the function as it comes out of the server."""
    page = http.handler(v2("GET", "/"), None)
    assert page["statusCode"] == 200
    assert page["body"].startswith("<!doctype html>")
    assert http.handler(v2("GET", "/assets/js/main.js"), None)["statusCode"] in (200, 404)


def test_metrics_are_shown(site: Stack, key: str) -> None:
    """Their library is loaded when somebody asks."""
    got = http.handler(v2("GET", "/metrics", authorization=f"Bearer {key}"), None)
    assert got["statusCode"] == 200
    assert "tallybrook_log_head" in got["body"]


def test_a_stack_that_is_not_ready_is_told_as_such(
    site: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a problem document and when to come back; once it is ready the function goes on."""
    with monkeypatch.context() as patch:
        patch.setenv("TALLYBROOK_STACK", "not-there")
        runtime.forget()
        got = http.handler(v2("GET", "/health"), None)
        assert got["statusCode"] in (500, 503)
        assert json.loads(got["body"])["status"] == got["statusCode"]
    runtime.forget()
    assert answer(v2("GET", "/health"))[0] == 200


@pytest.mark.parametrize("late", ["replay", "discard"])
def test_another_instance_was_first(site: Stack, key: str, late: str) -> None:
    """Between looking at a failed record and settling it somebody else did: 409, and what they
    made of it is all that is stored."""
    bearer = {"authorization": f"Bearer {key}"}
    answer(v2("POST", "/events/batch", '{"events": [{"user_id": "u"}]}', **bearer))
    ((name, _),) = here_failed(site)
    other = DynamoLog(site.name)
    left = [
        Write(
            [read_event(d.text(d.event("theirs")).encode(), "default", 0)],
            settle={name: "replayed"},
        )
    ]

    def first() -> None:
        if left:
            other.write(left.pop())

    request = {
        "replay": v2("POST", f"/failed/{name}/replay", d.text(d.event("ours")), **bearer),
        "discard": v2("DELETE", f"/failed/{name}", **bearer),
    }[late]
    with meddling("TransactWriteItems", first):
        status, problem = answer(request)
    other.close()
    assert (status, problem["title"]) == (409, "Conflict")
    assert list(site.events()) == ["theirs"]
    assert here_failed(site) == [(name, "replayed")]


def here_failed(site: Stack) -> list[tuple[str, str]]:
    return [(name, record.status) for name, record in site.failed().items()]
