"""What each trigger hands its function: real shapes, real sizes, and new every time."""

import base64
import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from bench.lambdas import assessing, running, streams
from bench.lambdas.events import event, now, operation
from bench.lambdas.filling import fill_lake, numbered
from bench.lambdas.world import World
from tallybrook.ports.aws.tables import EVENTS, physical, records_table

Inputs = Iterator[bytes]
Trigger = Callable[[World], Inputs]

BATCH = 100
"""Items of an HTTP, Kinesis or stream batch."""
MESSAGES = 10
OBJECT_BYTES = 1_000_000
REGION = "us-east-1"


def http(world: World) -> Inputs:
    """A batch of events posted to the HTTP API."""
    for _ in count():
        body = json.dumps({"events": [event(number) for number in range(BATCH)]})
        yield _dump(request(world, "POST", "/events/batch", body))


def query(world: World, batches: int = 10) -> Inputs:
    """A statement over the events of a lake that holds some."""
    with tempfile.TemporaryDirectory() as scratch:
        fill_lake(world, Path(scratch), batches)
    sql = (
        "SELECT event_type, count(*) AS n FROM events"
        " WHERE date >= date_add('day', -7, current_date) GROUP BY 1"
    )
    body = json.dumps({"sql": sql})
    for _ in count():
        yield _dump(request(world, "POST", "/query", body))


def sockets(world: World) -> Inputs:
    """A browser that opens a WebSocket."""
    for number in count():
        context = {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "connectionId": f"bench-{number}",
            "connectedAt": int(time.time() * 1000),
            "requestTimeEpoch": int(time.time() * 1000),
            "domainName": "live.example.com",
            "stage": "live",
            "apiId": "bench",
            "requestId": str(uuid.uuid4()),
        }
        headers = {"Host": "live.example.com", "X-API-Key": world.key}
        yield _dump(
            {
                "headers": headers,
                "multiValueHeaders": {name: [value] for name, value in headers.items()},
                "requestContext": context,
                "isBase64Encoded": False,
            }
        )


def kinesis(_world: World) -> Inputs:
    """A batch of stream records, each an event."""
    for batch in count():
        yield _dump({"Records": [_kinesis_record(batch, number) for number in range(BATCH)]})


def sqs(_world: World) -> Inputs:
    """Messages of a queue, each an event."""
    for _ in count():
        yield _dump({"Records": [_message(number) for number in range(MESSAGES)]})


def s3(world: World, object_bytes: int = OBJECT_BYTES) -> Inputs:
    """The notification of a new object of 1 MB with an event a line."""
    for number in count():
        key = f"raw/events/bench-{uuid.uuid4()}.ndjson"
        lines: list[str] = []
        size = 0
        while size < object_bytes:
            lines.append(json.dumps(event(len(lines))))
            size += len(lines[-1]) + 1
        body = "\n".join(lines).encode()
        put = world.client("s3").put_object(Bucket=world.bucket, Key=key, Body=body)
        described = {"key": key, "size": len(body), "eTag": put["ETag"].strip('"')}
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": now(),
            "eventName": "ObjectCreated:Put",
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": {"name": world.bucket, "arn": f"arn:aws:s3:::{world.bucket}"},
                "object": described | {"sequencer": f"{number:016X}"},
            },
        }
        yield _dump({"Records": [record]})


def bus(_world: World) -> Inputs:
    """One event of the bus."""
    for number in count():
        yield _dump(_bus_event("item.scored", "bench", {"score": number, "item": f"i-{number}"}))


def lake(world: World) -> Inputs:
    """The clock's event, when a batch was added to the log."""
    for _ in numbered(world):
        yield _dump(_bus_event("Scheduled Event", "aws.events", {}))


def schedule(_world: World) -> Inputs:
    """The clock's event."""
    while True:
        yield _dump(_bus_event("Scheduled Event", "aws.events", {}))


def sequence(world: World) -> Inputs:
    """What the events table's stream says of events that were collected."""
    table = physical(world.stack, EVENTS)
    more = partial(streams.collect, world, BATCH)
    for records in streams.records(world, table, more, BATCH, start="LATEST"):
        yield _dump({"Records": records})


def entities(world: World, size: int = BATCH) -> Inputs:
    """What the events table's stream says of operations: completed sessions of a few hundred
    students and some dozen tutors."""
    table = physical(world.stack, EVENTS)
    more = partial(streams.collect, world, size, operation)
    for records in streams.records(world, table, more, size, start="LATEST"):
        yield _dump({"Records": records})


def webhook(world: World) -> Inputs:
    """An alert, whose receiver is a page of the emulator that takes anything."""
    secrets = world.client("secretsmanager")
    secrets.create_secret(Name=f"{world.stack}/alert-webhook", SecretString="0123456789abcdef")
    for number in count():
        heading = {"id": f"a{number}", "account_id": "default", "at": now()}
        alert = {"alert_id": f"a{number}", "severity": "warning", "notice": heading}
        event = _bus_event("low_health_score", "tallybrook.entities", alert)
        yield _dump({"Records": [_message(number) | {"body": json.dumps(event)}]})


def anonymizer(world: World) -> Inputs:
    """Raw assessments of usual size."""
    return map(_messages, assessing.tasks_of_raw(world))


def ocean(world: World) -> Inputs:
    """Anonymised ones, of which S3 tells."""
    return map(_messages, assessing.told_of_anonymised(world))


def dual_ai(world: World) -> Inputs:
    """Messages of two AIs with thirty facets a side."""
    return map(_messages, assessing.messages_of_two(world))


def forward(world: World) -> Inputs:
    """The clock's event, when a batch was added to the log; the receiver takes anything."""
    for _ in assessing.clock_of_forwarding(world):
        yield _dump(_bus_event("Scheduled Event", "aws.scheduler", {}))


def recount(world: World, size: int = BATCH) -> Inputs:
    """What a records table's stream says of records that were put."""
    table = physical(world.stack, records_table("items"))
    more = partial(streams.put_records, world, size)
    for records in streams.records(world, table, more, size):
        yield _dump({"Records": records})


def resolve(_world: World) -> Inputs:
    """A page of counters, as AppSync asks for a field."""
    for _ in count():
        yield _dump(
            {
                "arguments": {"compositeKey": {"beginsWith": "items#"}, "limit": 100},
                "identity": None,
                "source": None,
                "request": {"headers": {"x-api-key": "da2-bench"}},
                "info": {
                    "fieldName": "listAggregatedMetrics",
                    "parentTypeName": "Query",
                    "variables": {},
                    "selectionSetList": ["items", "items/compositeKey", "items/count"],
                },
            }
        )


def request(world: World, method: str, path: str, body: str) -> dict[str, Any]:
    """A request as an HTTP API hands it on (format 2.0)."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "authorization": f"Bearer {world.key}",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "host": "api.example.com",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "bench",
            "domainName": "api.example.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "bench",
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": int(time.time() * 1000),
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _kinesis_record(batch: int, number: int) -> dict[str, Any]:
    sequence_number = f"{batch:028d}{number:028d}"
    data = base64.b64encode(json.dumps(event(number)).encode()).decode()
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": str(number),
            "sequenceNumber": sequence_number,
            "data": data,
            "approximateArrivalTimestamp": time.time(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{uuid.uuid4().hex}{sequence_number}",
        "eventName": "aws:kinesis:record",
        "awsRegion": REGION,
    }


def workflow(world: World, rows: int = running.ROWS) -> Inputs:
    """The state machine calls a step of a run."""
    yield from map(_dump, running.steps_of_files(world, rows))


def _messages(bodies: list[str]) -> bytes:
    records = [_message(number) | {"body": body} for number, body in enumerate(bodies)]
    return _dump({"Records": records})


def _message(number: int) -> dict[str, Any]:
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "bench",
        "body": json.dumps(event(number)),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(time.time() * 1000)),
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:000000000000:bench-intake",
        "awsRegion": REGION,
    }


def _bus_event(detail_type: str, source: str, detail: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": "000000000000",
        "time": now(),
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


TRIGGERS: Mapping[str, Trigger] = {
    "http": http, "query": query, "sockets": sockets, "sequence": sequence, "recount": recount,
    "entities": entities, "webhook": webhook, "resolve": resolve, "kinesis": kinesis, "sqs": sqs,
    "s3": s3, "bus": bus, "schedule": schedule, "lake": lake, "anonymizer": anonymizer,
    "ocean": ocean, "dual_ai": dual_ai, "forward": forward,
    "workflow": workflow,
}  # fmt: skip
"""By function; one that is not here cannot be measured."""

SMALLER: Mapping[str, Trigger] = {
    "s3": partial(s3, object_bytes=50_000), "workflow": partial(workflow, rows=100),
    "entities": partial(entities, size=20),
}  # fmt: skip
"""For runs with little of a core, which would take minutes."""
