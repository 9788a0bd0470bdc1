"""Amazon Pinpoint's PutEvents: its own SDK, pointed here, works unchanged."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tallybrook.ports.sinks.web import HttpSink
from tests.forwarding.world import item
from tests.server.running import Account, Running, assert_problem

STAMP = "2026-01-15T11:00:00.000Z"


def sdk(server: Running, key: str) -> Any:
    """The vendor's client, which signs with a key of ours for its access key."""
    return boto3.client(
        "pinpoint", region_name="us-east-1", endpoint_url=server.url, aws_access_key_id=key,
        aws_secret_access_key="unused", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


@pytest.fixture
def put(server: Running, account: Account) -> Iterator[Callable[..., Any]]:
    """Calls PutEvents; what the SDK makes of the answer, by endpoint."""
    client = sdk(server, account.key)

    def call(batch: dict[str, Any], app: str = "shop") -> Any:
        answer = client.put_events(ApplicationId=app, EventsRequest={"BatchItem": batch})
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
        return answer["EventsResponse"]["Results"]

    yield call
    client.close()


def one(**fields: Any) -> dict[str, Any]:
    return {"EventType": "cart.add", "Timestamp": STAMP, **fields}


def post(account: Account, body: Any, app: str = "shop") -> Any:
    return account.http.post(f"/v1/apps/{app}/events", json=body)


def test_the_vendors_sdk(put: Callable[..., Any], account: Account) -> None:
    """Each event is answered for, stored whole but for the endpoint's address, and counted."""
    endpoint = {
        "Address": "ada@example.org", "ChannelType": "EMAIL", "User": {"UserId": "ada"},
        "Demographic": {"Platform": "web"},
    }  # fmt: skip
    event = one(
        Attributes={"colour": "red", "n": "text", "empty": ""}, Metrics={"price": 9.5, "n": 0.0},
        Session={"Id": "s1", "StartTimestamp": STAMP}, SdkName="aws-amplify",
    )  # fmt: skip
    results = put({"device-1": {"Endpoint": endpoint, "Events": {"a": event, "b": one()}}})
    accepted = {"StatusCode": 202, "Message": "Accepted"}
    assert results == {
        "device-1": {
            "EndpointItemResponse": accepted,
            "EventsItemResponse": {"a": accepted, "b": accepted},
        }
    }
    found = account.get("/users/ada/events")["events"]
    (first,) = [stored for stored in found if stored.get("properties")]
    assert first["event_type"] == "cart.add"
    assert first["timestamp"] == "2026-01-15T11:00:00Z"
    assert (first["anonymous_id"], first["session_id"]) == ("device-1", "s1")
    assert first["properties"] == {
        "colour": "red", "n": "text", "empty": "", "price": 9.5, "metric_n": 0.0,
    }  # fmt: skip
    said = first["context"]["pinpoint"]
    assert said["endpoint"] == {k: v for k, v in endpoint.items() if k != "Address"}
    assert said["SdkName"] == "aws-amplify"
    assert said["app_id"] == "shop"
    assert "ada@example.org" not in json.dumps(found)
    assert account.total("cart.add") == 2


def test_sent_twice(put: Callable[..., Any], account: Account) -> None:
    """The same request counts once; the same name at another time, app or endpoint does not hide
    an event."""
    batch = {"device-1": {"Endpoint": {}, "Events": {"my-event": one()}}}
    for _ in range(2):
        put(batch)
    assert account.total("cart.add") == 1
    put({"device-1": {"Endpoint": {}, "Events": {"my-event": one(Timestamp="2026-01-16")}}})
    put({"device-2": {"Endpoint": {}, "Events": {"my-event": one()}}})
    put(batch, app="other")
    assert account.total("cart.add") == 4


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (one(Timestamp="yesterday"), "timestamp"),
        (one(Timestamp=""), "fields"),
        (one(EventType=""), "fields"),
        (one(EventType="x" * 129), "fields"),
        (one(Attributes={"a": "x" * 33_000}), "32768"),
        ({"EventType": "cart.add"}, "Timestamp"),
        (one(Attributes={"a": 1}), "Attributes"),
        (one(Metrics={"a": "1"}), "Metrics"),
        (one(Session={"Id": 7}), "Session"),
        ("text", "object"),
        (None, "object"),
    ],
)
def test_a_bad_event_spoils_only_itself(account: Account, event: Any, said: str) -> None:
    """It is answered 400 with the reason, and kept as a failed record that can be mended and
    replayed once."""
    batch = {"BatchItem": {"d": {"Endpoint": {"Address": "secret"}, "Events": {
        "good": one(), "bad": event}}}}  # fmt: skip
    reply = post(account, batch)
    assert reply.status_code == 202
    answers = reply.json()["Results"]["d"]["EventsItemResponse"]
    assert answers["good"]["StatusCode"] == 202
    assert answers["bad"]["StatusCode"] == 400
    (failed,) = account.get("/failed")["failed"]
    assert failed["source"] == "pinpoint:shop"
    assert said in answers["bad"]["Message"] + failed["detail"]
    assert "secret" not in failed["body"]
    mended = json.loads(failed["body"])
    mended["BatchItem"]["d"]["Events"]["bad"] = one(Timestamp="2026-01-17T00:00:00Z")
    replayed = account.http.post(f"/failed/{failed['failed_id']}/replay", json=mended)
    assert replayed.json()["status"] == "accepted", replayed.text
    assert account.total("cart.add") == 2


@pytest.mark.parametrize("endpoint", [None, [], {"Events": 1}, {"Endpoint": 1, "Events": {}}, {}])
def test_a_bad_endpoint(account: Account, endpoint: Any) -> None:
    """It is answered for as a whole, beside one that is good."""
    good = {"Events": {"a": one()}}
    results = post(account, {"BatchItem": {"bad": endpoint, "good": good}}).json()["Results"]
    assert results["bad"]["EndpointItemResponse"]["StatusCode"] == 400
    assert results["good"]["EventsItemResponse"]["a"]["StatusCode"] == 202
    (failed,) = account.get("/failed")["failed"]
    assert failed["reason"] == "invalid"


def test_long_names(account: Account) -> None:
    """An endpoint that no anonymous id can hold is refused with each of its events."""
    results = post(account, {"BatchItem": {"d" * 129: {"Events": {"a": one()}}}}).json()["Results"]
    answer = results["d" * 129]["EventsItemResponse"]["a"]
    assert answer["StatusCode"] == 400


def test_bad_requests(account: Account) -> None:
    """What is wrong with the request itself is a problem document."""
    assert_problem(account.http.post("/v1/apps/shop/events", content=b"{"), 400)
    assert_problem(post(account, {"Events": {}}), 422)
    assert_problem(post(account, {"BatchItem": []}), 422)
    many = {str(n): one() for n in range(501)}
    assert_problem(post(account, {"BatchItem": {"d": {"Events": many}}}), 413)
    assert_problem(
        account.http.post(
            "/v1/apps/shop/events", content=b"{}", headers={"Content-Type": "text/plain"}
        ),
        415,
    )


def test_the_sdk_without_a_key(server: Running, new_account: Callable[..., Account]) -> None:
    """A key nobody knows is refused, and one that may not write."""
    for key, status in (("unknown", 401), (new_account(scopes=("read",)).key, 403)):
        with closing(sdk(server, key)) as client, pytest.raises(ClientError) as caught:
            client.put_events(ApplicationId="shop", EventsRequest={"BatchItem": {}})
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_from_one_tallybrook_to_another(account: Account, server: Running) -> None:
    """What is forwarded in this form is taken in, once however often it is posted, with its
    properties; one that is refused is told by name."""
    url = f"http://{account.key}:@127.0.0.1:{server.port}/v1/apps/x/events"
    items = [item(n, f"k{n % 3}") for n in range(150)]
    with closing(HttpSink(url)) as sink:
        assert sink.send(items) == []
        (refusal,) = sink.send([items[0], item(151, event_type="x" * 200), items[1]])
    assert refusal.index == 1
    assert account.total("view") == 150
