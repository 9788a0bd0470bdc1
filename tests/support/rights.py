"""Which rights the calls of AWS would have needed: seen by a proxy, as emulators enforce none."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

Right = tuple[str, str]
"""An action, and the resource it is for as ``infra.permissions`` writes it."""

_TRANSACTED = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
_INNER = ("imports/errors/", "processed/insights/")
"""Prefixes of outputs within those of inputs: nothing is put beside them."""

_WHOLE = "tmp/results/"
"""A prefix that rights name whole, for reading too."""

_QUEUES = frozenset(
    {
        "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "DeleteMessageBatch",
        "GetQueueUrl", "ReceiveMessage", "SendMessageBatch",
    }
)  # fmt: skip
_OBJECTS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


class Rights(Struct):
    """What was needed, by who was at work. Calls while nobody is at work are not counted."""

    stack: str
    needed: dict[str, set[Right]] = {}
    at_work: list[str] = []

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Every call inside is this function's."""
        self.at_work.append(name)
        try:
            yield
        finally:
            self.at_work.pop()

    def note(self, *found: Right) -> None:
        """Whoever is at work needed these."""
        if self.at_work:
            with _LOCK:
                self.needed.setdefault(self.at_work[-1], set()).update(found)

    def judge(self, operation: str, body: bytes) -> None:
        """Note a call and let it pass; ``faults.Judge``."""
        if self.at_work:
            self.note(*rights_of(self.stack, operation, body))


_LOCK = threading.Lock()


def rights_of(stack: str, operation: str, body: bytes) -> Iterator[Right]:
    """What one call needs. One that nobody has thought of needs what nobody is granted."""
    verb, _, path = operation.partition(" ")
    if path:
        yield _over_http(stack, verb, path)
        return
    request = json.loads(body)
    if operation in _QUEUES:
        url = request.get("QueueUrl") or request["QueueName"]
        name = url.rpartition("/")[2].removeprefix(f"{stack}-")
        # A batch is the same action as its messages one by one.
        yield f"sqs:{operation.removesuffix('Batch')}", f"queue:{name}"
        return
    if operation == "PutRecords":
        yield f"kinesis:{operation}", "sink:kinesis"
        return
    if operation == "PutEvents":
        yield from {(f"events:{operation}", "bus:") for _ in request["Entries"]}
        return
    if operation == "GetSecretValue":
        name = request["SecretId"].removeprefix(f"{stack}/")
        yield f"secretsmanager:{operation}", f"secret:{name}"
        return
    yield from ((f"dynamodb:{name}", _table(stack, at)) for name, at in _items(operation, request))


def _items(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The single actions of an operation, and what says where each works."""
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for action in request["TransactItems"]:
            ((kind, at),) = action.items()
            yield _TRANSACTED[kind], at
    elif "RequestItems" in request:
        for table in request["RequestItems"]:
            yield operation, {"TableName": table}
    else:
        yield operation, request


def _table(stack: str, at: dict[str, Any]) -> str:
    name = at.get("TableName", "unknown").removeprefix(f"{stack}-")
    known = "records" if name.startswith("records-") else name
    index = at.get("IndexName")
    return f"index:{known}/{index}" if index else f"table:{known}"


def _over_http(stack: str, verb: str, path: str) -> Right:
    bucket, _, key = path.removeprefix("/").partition("/")
    if bucket != stack:
        return verb, path
    if key.startswith(_WHOLE):
        return f"s3:{_OBJECTS[verb]}", f"bucket:{_WHOLE}*"
    if key:
        inner = next((name for name in _INNER if verb == "PUT" and key.startswith(name)), None)
        return f"s3:{_OBJECTS[verb]}", f"bucket:{inner or key.partition('/')[0] + '/'}*"
    return ("s3:DeleteObject", "bucket:lake/*") if verb == "POST" else ("s3:ListBucket", "bucket:")
