"""From outside in, and back out: what the deployed stack does is what the embedded product does."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from websockets.sync.client import connect

from tallybrook.ports.aws.clients import client
from tests.aws_e2e.conftest import Deployed
from tests.support import Running, running_product, tallybrook
from tests.support.faults import first
from tests.support.waiting import wait_for_stack

WITHIN_S = 60
HOUR = "2026-03-04T05"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same product on this machine."""
    with running_product(tmp_path_factory.mktemp("embedded")) as running:
        yield running


def drawn(series: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Events of an hour, in disorder."""
    draw = random.Random(seed)
    events = [
        {
            "event_id": f"{series}-{n}",
            "event_type": series,
            "timestamp": f"{HOUR}:{draw.randrange(60):02}:{draw.randrange(60):02}Z",
            "user_id": f"u{n % 7}",
            "properties": {"amount": draw.randrange(100)},
        }
        for n in range(count)
    ]
    draw.shuffle(events)
    return events


def buckets(http: httpx.Client, series: str, minutes: int) -> dict[str, int]:
    """The buckets of the hour that are not empty, by start."""
    reply = http.get(
        f"/aggregations/{series}",
        params={"start": f"{HOUR}:00:00Z", "end": "2026-03-04T06:00:00Z", "minutes": minutes},
    )
    assert reply.status_code == 200, reply.text
    return {b["timeRangeStart"]: b["count"] for b in reply.json()["buckets"] if b["count"]}


def count_of(http: httpx.Client, series: str) -> int:
    found = http.get("/series").json()["series"]
    return sum(item["count"] for item in found if item["series"] == series)


def test_the_same_input_gives_the_same_numbers(deployed: Deployed, embedded: Running) -> None:
    """Events (some of them bad) three times over: replies, buckets of every size, histories and
    failed records of the stack are those of the embedded product."""
    events = drawn("view", 240, 1)
    bad = [{"event_type": "", "user_id": "u"}, {"event_type": "x"}, 7]
    both = (deployed.http, embedded.client)
    replies = [
        http.post("/events/batch", json={"events": [*events, *bad]}).json()
        for http in both
        for _ in range(3)
    ]
    for mine, theirs in zip(replies[:3], replies[3:], strict=True):
        assert mine["accepted"] == theirs["accepted"]
        assert mine["duplicate"] == theirs["duplicate"]
        assert mine["rejected"] == theirs["rejected"] == 3
    wait_for_stack(lambda: count_of(deployed.http, "view") == 240, WITHIN_S, "all are counted")
    for minutes in (1, 5, 15, 60):
        assert buckets(deployed.http, "view", minutes) == buckets(embedded.client, "view", minutes)
    span = {"start": f"{HOUR}:07:00Z", "end": f"{HOUR}:48:00Z"}
    mine, theirs = (http.get("/counts/view", params=span).json() for http in both)
    assert mine == theirs
    for name in ("u0", "u6"):
        histories = [
            [
                e["event_id"]
                for e in http.get(f"/users/{name}/events", params={"limit": 500}).json()["events"]
                if e["event_type"] == "view"
            ]
            for http in both
        ]
        assert sorted(histories[0]) == sorted(histories[1])
        assert len(histories[0]) > 30
    reasons = [
        sorted(
            (f["reason"], f["detail"], f["body"])
            for f in http.get("/failed", params={"limit": 500}).json()["failed"]
            if f["source"] == "events/batch"
        )
        for http in both
    ]
    assert reasons[0] == reasons[1]
    assert len(reasons[0]) == 9


def test_records_are_recounted(deployed: Deployed, embedded: Running) -> None:
    """Created, moved and deleted records end in the embedded product's numbers, zeros included."""
    changes = [
        *({"op": "put", "id": f"r{n}", "createdAt": f"{HOUR}:{n:02}:30Z"} for n in range(40)),
        *({"op": "put", "id": f"r{n}", "createdAt": f"{HOUR}:59:59Z"} for n in range(5)),
        *({"op": "delete", "id": f"r{n}"} for n in range(30, 35)),
        {"op": "put", "id": "none"},
    ]
    for http in (deployed.http, embedded.client):
        reply = http.post("/records/items", json={"records": changes})
        assert reply.status_code == 202, reply.text
        assert reply.json()["rejected"] == 0
    for minutes in (60, 15, 5, 1):
        expected = buckets(embedded.client, "items", minutes)
        wait_for_stack(
            lambda m=minutes, e=expected: buckets(deployed.http, "items", m) == e,
            WITHIN_S, f"{minutes} minutes",
        )  # fmt: skip
    assert sum(buckets(deployed.http, "items", 1).values()) == 35


def test_graphql_tells_the_same(deployed: Deployed, embedded: Running) -> None:
    """AppSync in the stack and /graphql on this machine answer a query alike."""
    test_records_are_recounted(deployed, embedded)  # the same changes again change nothing
    asked = {
        "query": 'query { listItemByAccountIdAndCreatedAt(accountId: "default", createdAt:'
        f' {{between: ["{HOUR}:00:00Z", "{HOUR}:59:59.999Z"]}}, limit: 100)'
        " { items { id createdAt } nextToken } }"
    }
    keys = client("appsync").list_api_keys(apiId=deployed.outputs["GraphqlApiId"])["apiKeys"]
    url = deployed.outputs["GraphqlUrl"]
    mine = httpx.post(url, json=asked, headers={"x-api-key": keys[0]["id"]}, timeout=60).json()
    theirs = embedded.client.post("/graphql", json=asked).json()
    assert "errors" not in mine
    found = [
        sorted(answer["data"]["listItemByAccountIdAndCreatedAt"]["items"], key=lambda i: i["id"])
        for answer in (mine, theirs)
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 35


def test_sql_reads_the_lake_and_what_is_not_in_it_yet(
    deployed: Deployed, embedded: Running
) -> None:
    """The same statement gives the same rows before and after the lake took the events in."""
    events = drawn("bought", 120, 2)
    statement = (
        "SELECT user_id, count(*) AS n, sum(CAST(json_extract_scalar(properties, '$.amount')"
        " AS bigint)) AS total FROM events WHERE date = DATE '2026-03-04' AND event_type ="
        " 'bought' GROUP BY user_id ORDER BY user_id"
    )
    for http in (deployed.http, embedded.client):
        http.post("/events/batch", json={"events": events}).raise_for_status()
    wait_for_stack(lambda: count_of(deployed.http, "bought") == 120, WITHIN_S, "all are counted")
    expected = embedded.client.post("/query", json={"sql": statement}).json()["rows"]
    assert len(expected) == 7

    def rows() -> Any:
        reply = deployed.http.post("/query", json={"sql": statement})
        assert reply.status_code == 200, reply.text
        return reply.json()

    assert rows()["rows"] == expected
    invoked = client("lambda").invoke(FunctionName=f"{deployed.stack}-lake", Payload=b"{}")
    assert "FunctionError" not in invoked, invoked["Payload"].read()
    wait_for_stack(lambda: rows()["metadata"]["tail_events"] == 0, WITHIN_S, "the lake has them")
    after = rows()
    assert after["rows"] == expected
    assert after["metadata"]["files"] > 0
    daily = {"metric": "unique_users", "start": "2026-03-04", "end": "2026-03-04"}
    totals = [
        http.get("/analytics", params=daily).json()["total"]
        for http in (deployed.http, embedded.client)
    ]
    assert totals[0] == totals[1]


def test_changes_are_pushed(deployed: Deployed) -> None:
    """A subscriber gets a snapshot, then what is counted, with the new absolute numbers."""
    url = f"{deployed.outputs['SocketsUrl']}?key={quote(deployed.key, safe='')}"
    with connect(url, open_timeout=30) as socket:
        socket.send(json.dumps({"subscribe": ["metrics"]}))
        assert json.loads(socket.recv(30))["type"] == "snapshot"
        deployed.send([{"event_type": "pushed", "user_id": "u"} for _ in range(5)])
        seen = 0
        while seen < 5:
            message = json.loads(socket.recv(WITHIN_S))
            for change in message.get("data", {}).get("changes", []):
                seen = max(seen, change["count"]) if change["series"] == "pushed" else seen
        assert seen == 5


def test_a_stranger_is_not_let_in(deployed: Deployed) -> None:
    """Without a key neither the API nor the WebSocket tells anything."""
    assert httpx.get(f"{deployed.outputs['ApiUrl']}/series").status_code == 401
    with pytest.raises(Exception, match=r"40[13]"):
        connect(deployed.outputs["SocketsUrl"], open_timeout=30)


def test_every_way_in_counts_once(deployed: Deployed, tmp_path: Path) -> None:
    """Queue, bus, Kinesis and files: each event is counted once, sent twice or not."""
    body = {"event_type": "from_queue", "event_id": "q1", "user_id": "u"}
    for _ in range(2):
        client("sqs").send_message(
            QueueUrl=deployed.outputs["QueueUrl"], MessageBody=json.dumps(body)
        )
    entry = {
        "EventBusName": deployed.outputs["BusName"], "Source": "shop", "DetailType": "from_bus",
        "Detail": json.dumps({"user_id": "u", "amount": 3}),
    }  # fmt: skip
    client("events").put_events(Entries=[entry])
    for n in (1, 2, 2):
        client("kinesis").put_record(
            StreamName=deployed.outputs["StreamName"], PartitionKey="u",
            Data=json.dumps({"event_type": "from_kinesis", "event_id": f"k{n}", "user_id": "u"}),
        )  # fmt: skip
    lines = "\n".join(json.dumps(e) for e in drawn("from_file", 700, 3)) + "\n{broken\n"
    client("s3").put_object(
        Bucket=deployed.outputs["Bucket"], Key="raw/events/a b+c.ndjson", Body=lines.encode()
    )
    for series, count in (
        ("from_queue", 1), ("from_bus", 1), ("from_kinesis", 2), ("from_file", 700),
    ):  # fmt: skip
        wait_for_stack(
            lambda s=series, c=count: count_of(deployed.http, s) == c,
            WITHIN_S, f"{series}: {count_of(deployed.http, series)} of {count}",
        )  # fmt: skip
    broken = deployed.get("/failed")["failed"]
    assert any("{broken" in record["body"] for record in broken)


def test_a_poisoned_record_comes_back_by_replay(deployed: Deployed) -> None:
    """An unreadable message is kept, not retried for ever; edited and replayed it counts once."""
    poison = '{"event_type": "mended", "user_id": "u", "timestamp": "the day before"}'
    client("sqs").send_message(QueueUrl=deployed.outputs["QueueUrl"], MessageBody=poison)

    def kept() -> list[Any]:
        return [f for f in deployed.get("/failed", limit=500)["failed"] if "mended" in f["body"]]

    (record,) = wait_for_stack(kept, WITHIN_S, "it is kept")
    mended = json.loads(poison) | {"timestamp": f"{HOUR}:00:00Z"}
    path = f"/failed/{record['failed_id']}/replay"
    assert deployed.http.post(path, json=mended).status_code == 200
    assert deployed.http.post(path, json=mended).status_code == 409
    wait_for_stack(lambda: count_of(deployed.http, "mended") == 1, WITHIN_S, "it is counted")
    assert not kept()


def test_a_failing_function_sends_to_the_dead_letters(deployed: Deployed) -> None:
    """A message whose function cannot reach its tables is tried three times, then lies among the
    dead letters; redriven after the mending it is counted once."""
    sqs: Any = client("sqs")
    queue, dead = deployed.outputs["QueueUrl"], deployed.outputs["DeadLetterQueueUrl"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})

    def depth() -> int:
        found = sqs.get_queue_attributes(
            QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    with deployed.with_environment("sqs", TALLYBROOK_STACK="not-there"):
        body = json.dumps({"event_type": "redriven", "event_id": "d1", "user_id": "u"})
        sqs.send_message(QueueUrl=queue, MessageBody=body)
        wait_for_stack(lambda: depth() == 1, WITHIN_S, "it is a dead letter")
    assert count_of(deployed.http, "redriven") == 0
    # A function that takes longer than this would be called again, and again, until it is dead.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "60"})
    ran = tallybrook("failed", "redrive", "--stack", deployed.stack)
    assert (ran.code, ran.err.split()[0]) == (0, "1"), ran.err
    wait_for_stack(lambda: count_of(deployed.http, "redriven") == 1, WITHIN_S, "it is counted")
    wait_for_stack(lambda: depth() == 0, WITHIN_S, "no dead letter is left")


def test_throttles_and_crashes_in_the_middle(deployed: Deployed) -> None:
    """Refused puts, a lost answer after the commit, a connection cut within it: every event is
    counted exactly once in the end."""
    events = drawn("stormy", 300, 4)
    faults = deployed.services
    with (
        deployed.with_environment("http", AWS_ENDPOINT_URL=faults.endpoint),
        deployed.with_environment("sequence", AWS_ENDPOINT_URL=faults.endpoint),
    ):
        with faults.failing(first(7, "ProvisionedThroughputExceededException", "PutItem")):
            assert deployed.send(events[:150])["accepted"] == 150
        with faults.failing(first(7, "lose", "PutItem")):
            assert deployed.send(events[150:])["accepted"] == 150
        wait_for_stack(
            lambda: count_of(deployed.http, "stormy") == 300, WITHIN_S, "all are counted"
        )
        again = drawn("stormier", 200, 5)
        with faults.failing(first(3, "lose", "TransactWriteItems")):
            assert deployed.send(again)["accepted"] == 200
            wait_for_stack(lambda: count_of(deployed.http, "stormier") == 200, WITHIN_S, "counted")
        last = drawn("stormiest", 200, 6)
        with faults.failing(first(7, "drop", "TransactWriteItems")):
            assert deployed.send(last)["accepted"] == 200
            wait_for_stack(lambda: count_of(deployed.http, "stormiest") == 200, 90, "counted")
        assert {"PutItem", "TransactWriteItems"} <= set(faults.spoiled)
        assert sum(buckets(deployed.http, "stormiest", 1).values()) == 200


def test_doctor_finds_the_stack_well(deployed: Deployed) -> None:
    """And a stack that is not there unwell."""
    env = {"TALLYBROOK_BACKEND": "aws", "TALLYBROOK_STACK": deployed.stack}
    ran = tallybrook("doctor", "--aws", "--json", env=env, within_s=120)
    found = json.loads(ran.out)
    checks = found["checks"] if isinstance(found, dict) else found
    failed = [check for check in checks if check["status"] == "fail"]
    assert not failed
    ran = tallybrook("doctor", "--aws", env=env | {"TALLYBROOK_STACK": "nothing"}, within_s=120)
    assert ran.code == 1
