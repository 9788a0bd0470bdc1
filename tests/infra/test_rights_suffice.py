"""What the functions do to AWS is what their roles may do: no emulator says no."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.permissions import PERMISSIONS
from tallybrook.entities.alerts import PUBLISHER
from tallybrook.entrypoints.lambdas import (
    anonymizer,
    bus,
    dual_ai,
    entities,
    forward,
    http,
    kinesis,
    lake,
    ocean,
    query,
    recount,
    resolve,
    runtime,
    s3,
    schedule,
    sequence,
    sockets,
    sqs,
    web,
    webhook,
    workflow,
)
from tallybrook.errors import StorageError
from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.events.model import Event
from tallybrook.forwarding.again import put as put_again
from tallybrook.forwarding.failing import failed_event
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.tables import EVENTS, KEYS, physical
from tallybrook.ports.state.aws import DynamoState
from tallybrook.workflows.runs import STEPS as STEPS_OF_RUNS
from tallybrook.workflows.schedules import due
from tests.assessments.dual import worked
from tests.assessments.raw import assessment
from tests.lambdas import deliveries as d
from tests.lambdas.requests import socket_event, v2
from tests.support.emulator import Emulator, make_tables
from tests.support.faults import faulty_services
from tests.support.rights import Rights
from tests.support.streams import Pump

KEY = "the-first-key-of-the-stack"
ITEM = {"createdAt": "2024-01-19T14:37:23Z"}
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/{}/stream/2024"


def _forget() -> None:
    web.forget()
    runtime.forget()
    workflow.forget()
    for kept in (recount.backends, resolve.ports, resolve._fields, sockets.gate, client):
        kept.cache_clear()


class Gateway:
    """The management endpoint of a WebSocket API, whose connections go when told so."""

    gone = False

    def __init__(self, rights: Rights) -> None:
        self._rights = rights

    def post_to_connection(self, **_: Any) -> None:
        self._rights.note(("execute-api:ManageConnections", "sockets:connections"))
        if self.gone:
            raise ClientError({"Error": {"Code": "GoneException"}}, "PostToConnection")


@pytest.fixture
def seen(
    emulator: Emulator, stack: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Rights]:
    """A stack whose functions' calls are noted, those of their child processes too."""
    make_tables(stack)
    client("secretsmanager").create_secret(Name=f"{stack}/admin-key", SecretString=KEY)
    client("secretsmanager").create_secret(Name=f"{stack}/alert-webhook", SecretString=KEY)
    client("secretsmanager").create_secret(Name=f"{stack}/privacy", SecretString=KEY * 2)
    client("s3").create_bucket(Bucket=stack)
    client("events").create_event_bus(Name=stack)
    rights = Rights(stack)
    with faulty_services(emulator.endpoint) as services:
        services.judge = rights.judge
        monkeypatch.setenv("AWS_ENDPOINT_URL", services.endpoint)
        monkeypatch.setenv("TALLYBROOK_BACKEND", "aws")
        monkeypatch.setenv("TALLYBROOK_STACK", stack)
        monkeypatch.setenv("TALLYBROOK_BUCKET", stack)
        monkeypatch.setenv("TALLYBROOK_SOCKETS_URL", "http://127.0.0.1:1/prod")
        monkeypatch.setenv("TALLYBROOK_ALERT_WEBHOOK", "http://127.0.0.1:1/")
        gateway = Gateway(rights)
        monkeypatch.setattr("tallybrook.ports.sockets.aws.management_client", lambda _: gateway)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        _forget()
        yield rights
        _forget()


class Work:
    """Invokes the functions, each on its own account."""

    def __init__(self, rights: Rights) -> None:
        self.rights = rights

    def invoke(self, module: Any, event: Any) -> Any:
        """The answer of a function."""
        with self.rights.of(module.__name__.rpartition(".")[2]):
            return module.handler(event, self)

    def get_remaining_time_in_millis(self) -> int:
        return 300_000

    def call(self, function: str, event: Any) -> Any:
        """What another function of the stack says."""
        name = function.removeprefix(f"{self.rights.stack}-")
        self.rights.note(("lambda:InvokeFunction", f"function:{name}"))
        return self.invoke({"query": query}[name], event)

    def ask(self, method: str, path: str, body: Any = None, module: Any = http) -> Any:
        """The answer to a request."""
        text = None if body is None else d.text(body)
        event = v2(method, path, text, authorization=f"Bearer {KEY}")
        answer = self.invoke(module, event)
        assert answer["statusCode"] < 400, (path, answer)
        if "json" not in answer["headers"]["content-type"]:
            return None
        return json.loads(answer["body"])

    def field(self, name: str, **arguments: Any) -> Any:
        """The value of a GraphQL field."""
        return self.invoke(resolve, {"arguments": arguments, "info": {"fieldName": name}})

    def stream(self, module: Any, table: str) -> Pump:
        """Delivers a table's stream to a function."""
        arn = ARN.format(physical(self.rights.stack, table))

        def handle(batch: list[dict[str, Any]]) -> None:
            self.invoke(module, {"Records": [{**one, "eventSourceARN": arn} for one in batch]})

        return Pump(physical(self.rights.stack, table), handle, shards=1)


def starting(work: Work) -> None:
    """Whichever function is asked first makes the stack's secret a key."""
    for module in (query, http):
        table = physical(work.rights.stack, KEYS)
        for item in client("dynamodb").scan(TableName=table)["Items"]:
            client("dynamodb").delete_item(TableName=table, Key={"digest": item["digest"]})
        work.ask("GET", "/health", module=module)


def collecting(work: Work) -> None:
    """Everything that goes in over HTTP, good and bad, and what is done about the bad."""
    work.ask("POST", "/events", d.event("a"))
    told = work.ask("POST", "/events/batch", {"events": [d.event("a"), {}, {"user_id": "u"}, {}]})
    names = [one["error"]["failed_id"] for one in told["results"] if "error" in one]
    work.ask("POST", f"/failed/{names[0]}/replay", d.event("replayed"))
    work.ask("POST", f"/failed/{names[1]}/replay", d.event("a"))
    work.ask("DELETE", f"/failed/{names[2]}")
    work.ask("PUT", "/records/items/a", ITEM)
    work.ask("PUT", "/records/items/a", {"createdAt": "2024-01-20T14:37:23Z"})
    for batch in ([{"id": "b", **ITEM}, {"id": 5}], [{"id": "c", **ITEM}, {"id": 6}]):
        told = work.ask("POST", "/records/items", {"records": batch})
        name = told["results"][1]["error"]["failed_id"]
        work.ask("POST", f"/failed/{name}/replay", {"id": "b", "createdAt": ITEM["createdAt"]})
    work.ask("DELETE", "/records/items/a")


def reading(work: Work) -> None:
    """Everything that is read over HTTP, with series of both kinds."""
    day = "start=2024-01-19&end=2024-01-19"
    for path in (
        "/events/a", "/users/u/events?limit=1", "/series", "/realtime/metrics",
        "/realtime/metrics?as_of=2024-01-19T14:38:00Z", f"/aggregations/view?{day}&minutes=5",
        f"/counts/items?{day}", "/failed?status=all", "/consumers", "/health", "/ready", "/metrics",
    ):  # fmt: skip
        work.ask("GET", path)
    page = work.ask("GET", "/failed?status=replayed")
    work.ask("GET", f"/failed/{page['failed'][0]['failed_id']}")


def intake(work: Work) -> None:
    """Every trigger, with what it can read and what it cannot."""
    bodies = [d.event("b"), "no JSON"]
    work.invoke(kinesis, d.kinesis(*bodies))
    work.invoke(sqs, d.sqs(*bodies))
    for detail in bodies:
        work.invoke(bus, d.bus(detail))
    filing(work)
    work.invoke(s3, d.s3(work.rights.stack, "raw/events/missing.csv"))


def filing(work: Work) -> None:
    """A file under every prefix, good and bad rows in it, put twice."""
    for name in ("intake", "assessments"):
        client("sqs").create_queue(QueueName=f"{work.rights.stack}-{name}")
    lines = "\n".join([d.text(d.event()), "no JSON"]).encode()
    raw = "\n".join([d.text(assessment()), "{}"]).encode()
    score = d.text({"userId": "u", "scores": {}}).encode()
    for key, body in (
        ("raw/events/a.ndjson", lines), ("raw/assessments/a", raw), ("imports/a", lines),
        ("processed/ocean/a", score), ("exports/a", b"a,b\n" * 300_000),
    ):  # fmt: skip
        for _ in range(2):
            client("s3").put_object(Bucket=work.rights.stack, Key=key, Body=body)
            work.invoke(s3, d.s3(work.rights.stack, key))


def living(work: Work) -> None:
    """Streams to counters, and to a connection that is gone when it is told something."""
    events, items = work.stream(sequence, EVENTS.name), work.stream(recount, "records-items")
    change(work, "before")
    assert events.run() * items.run()
    change(work, "after")
    begin = socket_event("CONNECT", headers={"Authorization": f"Bearer {KEY}"})
    for stream in (events, items):
        assert work.invoke(sockets, begin)["statusCode"] == 200
        for topics in (["odd"], ["metrics", "failed"]):
            message = socket_event("MESSAGE", body=d.text({"subscribe": topics}))
            assert work.invoke(sockets, message)["statusCode"] == 200
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Gateway, "gone", True)
            assert stream.run()
    work.invoke(sequence, {"Records": [{"odd": 1}]})
    work.invoke(recount, {"Records": [{"odd": 1}]})
    work.invoke(sockets, socket_event("DISCONNECT"))


def change(work: Work, name: str) -> None:
    """An event and a record of this minute."""
    now = format_instant(runtime.opened().now_us())
    work.ask("POST", "/events", d.event(name, timestamp=now))
    work.ask("PUT", f"/records/items/{name}", {"createdAt": now})


def alerting(work: Work) -> None:
    """Operations, good and bad, to entities that are refreshed twice and have an alert; the rows
    of both functions' connection that is gone; the webhook, which nobody answers."""
    stream = work.stream(entities, EVENTS.name)
    begin = socket_event("CONNECT", headers={"Authorization": f"Bearer {KEY}"})
    for score, more in ((90, {}), (30, {}), (30, {"churn_risk": 7}), ("x", {})):
        payload = {"student_id": "s", "health_score": score, **more}
        body = {"event_type": "customer_health_update", "payload": payload, "source": "app"}
        work.ask("POST", "/ingest", body)
        work.invoke(sockets, begin)
        message = socket_event("MESSAGE", body=d.text({"subscribe": ["entities", "alerts"]}))
        assert work.invoke(sockets, message)["statusCode"] == 200
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Gateway, "gone", True)
            assert stream.run()
    work.invoke(entities, {})
    for path in ("/entities/student", "/entities/student/s", "/alerts"):
        work.ask("GET", path)
    posting(work)


def posting(work: Work) -> None:
    """An alert to a webhook that nobody answers: once more, and given up."""
    sqs_client = client("sqs")
    url = sqs_client.create_queue(QueueName=f"{work.rights.stack}-alerts")["QueueUrl"]
    heading = {"id": "a", "account_id": "acme", "at": d.STAMP}
    (record,) = d.sqs(d.bus({"notice": heading}, "low_health_score", PUBLISHER))["Records"]
    sqs_client.send_message(QueueUrl=url, MessageBody=record["body"])
    (message,) = sqs_client.receive_message(QueueUrl=url)["Messages"]
    record["receiptHandle"] = message["ReceiptHandle"]
    for tries, again in (("1", 1), ("10", 0)):
        record["attributes"]["ApproximateReceiveCount"] = tries
        answer = work.invoke(webhook, {"Records": [record]})
        assert len(answer["batchItemFailures"]) == again


def assessing(work: Work) -> None:
    """Assessments and messages of two AIs through their queues, good ones, bad ones, ones that have
    to come again, and dead letters; what failed is replayed."""
    for name in ("assessments", "ocean", "agreement"):
        for queue in (name, f"{name}-dlq"):
            client("sqs").create_queue(QueueName=f"{work.rights.stack}-{queue}")
    told = work.ask("POST", "/assessments", assessment(userId="rights"))
    work.ask("POST", "/assessments", assessment(userId="rights"))
    raw = delivered(work, "assessments")
    dead_letter(work, "assessments", raw[0]["body"])
    work.invoke(anonymizer, {"Records": [*raw, {"odd": 1}]})
    work.invoke(anonymizer, {"Records": raw})
    listed = client("s3").list_objects_v2(Bucket=work.rights.stack, Prefix="anonymised/")
    keys = [found["Key"] for found in listed["Contents"]]
    for body in (*(d.text(d.s3(work.rights.stack, key)) for key in keys), "{}"):
        work.invoke(ocean, d.sqs(body))
    dead_letter(work, "ocean", d.text(d.s3(work.rights.stack, keys[0].replace("k", "q"))))
    work.invoke(ocean, {})
    work.invoke(anonymizer, {})
    for path in (told["location"], "/users/rights/ocean", "/assessments/distributions"):
        work.ask("GET", path)
    measuring(work)
    coming_again(work)
    for one in work.ask("GET", "/failed?limit=500")["failed"]:
        if one["reason"] == "dead_letter" and one["source"] != "assessments":
            work.ask("POST", f"/failed/{one['failed_id']}/replay")


def measuring(work: Work) -> None:
    """Messages that agree, that do not, and that are none."""
    far = worked() | {"assessmentId": "far"}
    far["b1Validation"]["oceanScores"]["openness"] = 0
    for message in (worked(), far):
        work.ask("POST", "/agreement/messages", message)
    records = delivered(work, "agreement")
    dead_letter(work, "agreement", records[0]["body"])
    work.invoke(dual_ai, {"Records": [*records, *d.sqs("{}")["Records"]]})
    work.invoke(dual_ai, {"Records": records})
    work.invoke(dual_ai, {})
    for path in ("/agreement?start=2026-01-01&end=2026-02-01", "/agreement/far"):
        work.ask("GET", path)


def coming_again(work: Work) -> None:
    """What fails for a reason that may pass is shown again later."""
    for module, name in ((anonymizer, "assessments"), (ocean, "ocean"), (dual_ai, "agreement")):
        client("sqs").send_message(QueueUrl=_url(work, name), MessageBody="{}")
        with pytest.MonkeyPatch.context() as patch:
            for place in ("lambdas.assessing.process", "lambdas.dual_ai.process"):
                patch.setattr(f"tallybrook.entrypoints.{place}", _away)
            with pytest.raises(StorageError):
                work.invoke(module, {"Records": delivered(work, name)})


def _away(*_: Any) -> Any:
    raise StorageError("on purpose")


def _url(work: Work, name: str) -> str:
    found = client("sqs").get_queue_url(QueueName=f"{work.rights.stack}-{name}")
    return str(found["QueueUrl"])


def delivered(work: Work, name: str) -> list[dict[str, Any]]:
    """The messages of a queue, as Lambda hands them over."""
    answer = client("sqs").receive_message(QueueUrl=_url(work, name), MaxNumberOfMessages=10)
    records = d.sqs(*(one["Body"] for one in answer["Messages"]))["Records"]
    for record, one in zip(records, answer["Messages"], strict=True):
        record["receiptHandle"] = one["ReceiptHandle"]
    return records


def dead_letter(work: Work, name: str, body: str) -> None:
    client("sqs").send_message(QueueUrl=_url(work, f"{name}-dlq"), MessageBody=body)


def forwarding(work: Work) -> None:
    """The log to a stream, what is to go out at once, and what has to be sent again."""
    client("kinesis").create_stream(StreamName=work.rights.stack, ShardCount=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TALLYBROOK_FORWARD_TO", f"kinesis:{work.rights.stack}")
        _forget()
        work.invoke(forward, {})
        again = Event(0, "again", "view", 0, 0, "default", "event", user_id="u")
        put_again(DynamoState(work.rights.stack), failed_event(again, "x", "", 0), None)
        work.invoke(forward, {})
        work.invoke(forward, [d.event("at-once"), {}])
        work.ask("GET", "/forwarding")
    _forget()


def resolving(work: Work) -> None:
    """Fields of records and of metrics."""
    work.field("putItem", input={"id": "g", **ITEM})
    work.field("getItem", id="g")
    work.field("listItems", limit=1)
    work.field("deleteItem", input={"id": "g"})
    metric = {"compositeKey": "items#2024-01-19T14:00:00Z#60", "count": 3}
    work.field("createAggregatedMetrics", input=metric)
    work.field("updateAggregatedMetrics", input=metric)
    work.field("getAggregatedMetrics", compositeKey=metric["compositeKey"])
    work.field("listAggregatedMetrics")


def querying(work: Work) -> None:
    """The lake is written in two rounds and asked between them, and the numbers are told."""
    work.invoke(lake, {})
    work.ask("POST", "/events", d.event("later"))
    work.stream(sequence, EVENTS.name).run()
    work.invoke(schedule, {})
    sql = {"sql": "SELECT count(*) AS n FROM events WHERE date = '2024-01-19'"}
    assert work.ask("POST", "/query", sql, query)["rows"][0][0] > 1
    asked = {"account_id": "default", "query_id": "daily_active_users", "now_us": 0}
    work.invoke(query, {"refresh": asked})
    erased = work.ask("DELETE", "/users/nobody")
    work.invoke(lake, {})
    work.ask("GET", f"/erasures/{erased['erasure_id']}")


def working(work: Work) -> None:
    """A file and a range worked off step by step, one that fails, everything done by the clock,
    and the calls that show it."""
    client("s3").put_object(
        Bucket=work.rights.stack, Key="archive/day.ndjson", Body=d.text(d.event()) + "\n{bad\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tallybrook.ports.jobs.aws.StepFunctionsJobs.start", lambda *_: None)
        file = work.ask("POST", "/runs", {"kind": "file", "key": "archive/day.ndjson"})
        days = {"kind": "range", "start": "2024-01-19", "end": "2024-01-20"}
        ranged, failing = work.ask("POST", "/runs", days), work.ask("POST", "/runs", days)
        works = runtime.opened().stores.works()
        with pytest.MonkeyPatch.context() as early:
            early.setenv("TALLYBROOK_WORKFLOW", "arn")
            runtime.settings.cache_clear()
            work.invoke(schedule, {})
        jobs = due(works.state, works.runs, runtime.opened().now_us() + 2 * DAY_US)
        work.ask("POST", f"/runs/{ranged['run_id']}/cancel")
        work.ask("POST", f"/runs/{ranged['run_id']}/retry")
        for run in (file, ranged):
            for step in STEPS_OF_RUNS:
                work.invoke(workflow, _step(run["run_id"], step))
        patch.setattr("tallybrook.ports.aws.calling.call", work.call)
        for job in jobs:
            work.invoke(workflow, _step(job.run_id, "run"))
        work.invoke(workflow, _step(failing["run_id"], "fail"))
    for path in (
        "/runs",
        f"/runs/{file['run_id']}",
        "/schedules",
        "/costs/report",
        "/costs/budget",
    ):
        work.ask("GET", path)
    for hours in (1, 0):
        work.ask("POST", "/costs/budget/override", {"hours": hours})


def _step(run_id: str, name: str) -> dict[str, str]:
    return {"account_id": "default", "run_id": run_id, "step": name}


STEPS: tuple[Callable[[Work], None], ...] = (
    starting, collecting, intake, living, reading, alerting, assessing, resolving, querying,
    working, forwarding,
)  # fmt: skip


def test_every_call_is_granted(seen: Rights) -> None:
    """A day in the life of the stack: each function may do to each table, index, bucket and
    secret what it was seen to do, and each function was seen."""
    work = Work(seen)
    for step in STEPS:
        step(work)
    granted = {
        name: {
            (action, to) for grant in grants for action in grant.actions for to in grant.resources
        }
        for name, grants in PERMISSIONS.items()
    }
    missing = {name: sorted(needed - granted[name]) for name, needed in seen.needed.items()}
    assert {name: found for name, found in missing.items() if found} == {}
    assert seen.needed.keys() == PERMISSIONS.keys()
