"""What the functions of assessments, agreement and forwarding are handed."""

import json
import random
import uuid
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

from bench.lambdas.events import now
from bench.lambdas.filling import numbered
from bench.lambdas.world import World
from tallybrook.assessments.agreement.message import DOMAINS
from tallybrook.assessments.anonymised import Anonymizer, anonymise_record
from tallybrook.assessments.flow import tasks
from tallybrook.assessments.flow.places import raw_key
from tallybrook.assessments.flow.tasks import Task
from tallybrook.assessments.library import find_inventory
from tallybrook.ports.objects.aws import S3Objects
from tallybrook.ports.state.aws import DynamoState
from tallybrook.privacy.keys import PrivacyKeys, key_of
from tallybrook.privacy.library import built_in

ACCOUNT, SECRET = "default", "0123456789abcdef" * 2
BATCH = 10
"""Messages a call: the most that any tier gives."""

FACETS = 30
_draw = random.Random(1)


def tasks_of_raw(world: World) -> Iterator[list[str]]:
    """Bodies of the anonymizer's queue: assessments that the door took in."""
    secret(world, "privacy", SECRET)
    queue(world, "assessments")
    queue(world, "ocean")
    objects = S3Objects(world.bucket)
    while True:
        bodies = [json.dumps(raw()).encode() for _ in range(BATCH)]
        for body in bodies:
            objects.put(raw_key(ACCOUNT, body), body)
        yield [tasks.encode(Task(raw_key(ACCOUNT, body))) for body in bodies]


def told_of_anonymised(world: World) -> Iterator[list[str]]:
    """Bodies of the calculator's queue: what S3 tells of new outputs."""
    queue(world, "ocean")
    with closing(DynamoState(world.stack)) as state:
        keys = PrivacyKeys((key_of(SECRET),))
        using = Anonymizer(S3Objects(world.bucket), state, keys, built_in(), find_inventory)
        while True:
            written = [anonymise_record(raw(), ACCOUNT, using).key for _ in range(BATCH)]
            yield [json.dumps({"Records": [_created(world, key)]}) for key in written]


def messages_of_two(world: World) -> Iterator[list[str]]:
    """Bodies of the queue of messages, with all facets of both."""
    queue(world, "agreement")
    while True:
        yield [json.dumps(message()) for _ in range(BATCH)]


def clock_of_forwarding(world: World) -> Iterator[None]:
    """Nothing, when a batch was added to the log."""
    secret(world, "privacy", SECRET)
    secret(world, "forwarding", SECRET)
    for _ in numbered(world):
        yield None


def raw() -> dict[str, Any]:
    """A raw assessment of ocean-120 by somebody new."""
    answers = [
        {"questionId": str(n), "answer": _draw.randint(1, 5), "responseTime": 900 + n}
        for n in range(1, 121)
    ]
    return {
        "userId": str(uuid.uuid4()), "email": "somebody@mail.example.com",
        "assessmentId": str(uuid.uuid4()), "timestamp": now(), "completionTime": 754_321,
        "responses": answers,
        "demographics": {"age": 34, "country": "Germany", "role": "Senior Manager"},
        "metadata": {"userAgent": "Mozilla/5.0 (iPad)", "sessionId": str(uuid.uuid4())},
    }  # fmt: skip


def message() -> dict[str, Any]:
    """A message of two AIs that agree more or less."""
    first, second = _scores(), _scores()
    return {
        "assessmentId": str(uuid.uuid4()), "timestamp": now(),
        "a1Response": {"oceanScores": first, "confidence": 0.9, "processingTime": 1500},
        "b1Validation": {"oceanScores": second, "confidence": 0.8, "processingTime": 1200},
    }  # fmt: skip


def _scores() -> dict[str, Any]:
    facets = {f"facet_{n}": {"score": _draw.uniform(40, 60)} for n in range(FACETS)}
    return {name: _draw.uniform(40, 60) for name in DOMAINS} | {"facets": facets}


_sequencers = count()


def _created(world: World, key: str) -> dict[str, Any]:
    described = {"key": key, "size": 1, "eTag": uuid.uuid4().hex}
    return {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": now(), "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": world.bucket, "arn": f"arn:aws:s3:::{world.bucket}"},
            "object": described | {"sequencer": f"{next(_sequencers):016X}"},
        },
    }  # fmt: skip


def queue(world: World, name: str) -> None:
    """A queue of the stack; a second time is none."""
    world.client("sqs").create_queue(QueueName=f"{world.stack}-{name}")


def secret(world: World, name: str, text: str) -> None:
    """A secret of the stack, made once."""
    service = world.client("secretsmanager")
    try:
        service.create_secret(Name=f"{world.stack}/{name}", SecretString=text)
    except service.exceptions.ResourceExistsException:
        return
