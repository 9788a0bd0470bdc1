"""Events as each trigger would deliver them."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote_plus

from tallybrook.events.model import Event
from tallybrook.ports.log.aws.rows import event_item

SENT_MS = 1_705_675_043_000
STAMP = "2024-01-19T14:37:23Z"


def event(name: str | None = None, **fields: Any) -> dict[str, Any]:
    """An event as a client writes it; without a name it is up to us."""
    named = {} if name is None else {"event_id": name}
    return {"event_type": "view", "user_id": "u", "timestamp": STAMP, **named, **fields}


def text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def kinesis(*bodies: Any) -> dict[str, Any]:
    """A batch of a stream, a record a body; the sequence numbers rise from 100."""
    return {"Records": [kinesis_record(100 + i, text(b).encode()) for i, b in enumerate(bodies)]}


def kinesis_record(number: int, data: bytes) -> dict[str, Any]:
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s-intake"
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "p",
            "sequenceNumber": str(number),
            "data": b64encode(data).decode(),
            "approximateArrivalTimestamp": SENT_MS / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record",
        "awsRegion": "us-east-1",
        "eventSourceARN": arn,
    }


def sqs(*bodies: Any, fifo: bool = False) -> dict[str, Any]:
    """A batch of a queue, a message a body; their ids are m0, m1, ..."""
    arn = "arn:aws:sqs:us-east-1:123456789012:s-intake" + (".fifo" if fifo else "")
    return {
        "Records": [
            {
                "messageId": f"m{index}",
                "receiptHandle": "h",
                "body": text(body),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": str(SENT_MS),
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": "us-east-1",
            }
            for index, body in enumerate(bodies)
        ]
    }


def sns(body: Any, message_id: str = "t1") -> dict[str, Any]:
    """A message as a topic wraps it for a queue."""
    return {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:topic",
        "Message": text(body),
        "Timestamp": STAMP,
        "SignatureVersion": "1",
    }


def s3(bucket: str, *keys: str, name: str = "ObjectCreated:Put", **found: str) -> dict[str, Any]:
    """A notification of S3: a record an object, the key encoded as S3 does it."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "us-east-1",
                "eventTime": STAMP,
                "eventName": name,
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                    "object": {
                        "key": quote_plus(key, safe="/"),
                        "size": 1,
                        "sequencer": "0A",
                        **found,
                    },
                },
            }
            for key in keys
        ]
    }


def bus(
    detail: Any, kind: str = "OrderPlaced", source: str = "shop", **more: Any
) -> dict[str, Any]:
    """An event of a bus."""
    return {
        "version": "0",
        "id": "b1",
        "detail-type": kind,
        "source": source,
        "account": "123456789012",
        "time": STAMP,
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
        **more,
    }


def inserted(name: str) -> dict[str, Any]:
    """What the stream of the events table tells of a new event."""
    row = event_item(Event(0, name, "view", 0, 0, "default", "event", user_id="u"), 1, "w")
    return {
        "eventID": f"s-{name}",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": {"pk": row["pk"]}, "NewImage": row, "SequenceNumber": "1"},
    }


def created(bucket: str, key: str) -> dict[str, Any]:
    """ "Object Created" on a bus, whose keys are not encoded."""
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 1}}
    return bus(detail, "Object Created", "aws.s3")
