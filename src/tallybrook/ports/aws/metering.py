"""What calls of AWS turn, read off their answers: units of DynamoDB as it bills them, requests.

The SDK tells of every answer; nothing is called for it. A call that was refused is not counted.
"""

from collections.abc import Callable, Mapping
from typing import Any

Listener = Callable[[str, float], None]
"""Of a meter of the price table, and how much."""

_READS = ("Get", "BatchGet", "Query", "Scan", "TransactGet")
_PLAIN = {
    "sqs": "sqs.request",
    "secretsmanager": "secrets.call",
    "apigatewaymanagementapi": "apigateway.socket_message",
}
_S3 = {"PUT": "s3.put", "POST": "s3.put", "GET": "s3.get", "HEAD": "s3.get"}
_listeners: list[Listener] = []


def listen(listener: Listener | None) -> None:
    """Tell this one from now on, and nobody else; None: nobody."""
    _listeners[:] = [listener] if listener is not None else []


def watch(client: Any) -> None:
    """Have a client tell."""
    client.meta.events.register("provide-client-params.dynamodb", _asking)
    client.meta.events.register("after-call", _called)


def meters(
    service: str, operation: str, verb: str, answer: Mapping[str, Any]
) -> list[tuple[str, float]]:
    """What one answered call turns."""
    if service == "dynamodb":
        used = answer.get("ConsumedCapacity") or []
        parts = used if isinstance(used, list) else [used]
        units = sum(float(part.get("CapacityUnits", 0)) for part in parts)
        kind = "read" if operation.startswith(_READS) else "write"
        return [(f"dynamodb.{kind}_unit", units)] if units else []
    if service == "s3":
        return [(_S3[verb], 1)] if verb in _S3 else []
    if service == "events" and operation == "PutEvents":
        return [("eventbridge.event", len(answer.get("Entries", ())))]
    return [(_PLAIN[service], 1)] if service in _PLAIN else []


def _asking(params: dict[str, Any], model: Any, **_: Any) -> None:
    """Have DynamoDB say what a call took, where it can."""
    if _listeners and model.input_shape and "ReturnConsumedCapacity" in model.input_shape.members:
        params.setdefault("ReturnConsumedCapacity", "TOTAL")


def _called(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    if not _listeners or http_response.status_code >= 300:
        return
    service = model.service_model.service_name
    for meter, quantity in meters(service, model.name, model.http.get("method", ""), parsed):
        _listeners[0](meter, quantity)
