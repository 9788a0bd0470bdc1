"""Getting in the way of the AWS client's calls, in this process."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.retries.standard import ExponentialBackoff

from tallybrook.ports.aws.clients import client

Meddle = Callable[[], None]


def throttle(operation: str) -> ClientError:
    """What the SDK raises when it has tried often enough."""
    code = "ProvisionedThroughputExceededException"
    return ClientError({"Error": {"Code": code, "Message": "on purpose"}}, operation)


@contextmanager
def meddling(operation: str, meddle: Meddle) -> Iterator[None]:
    """Call ``meddle`` before every call of an operation; what it raises, the call raises."""
    name = f"before-parameter-build.dynamodb.{operation}"

    def before(**_: Any) -> None:
        meddle()

    events = client("dynamodb").meta.events
    events.register(name, before)
    try:
        yield
    finally:
        events.unregister(name, before)


@contextmanager
def held(*operations: str) -> Iterator[None]:
    """Calls of these operations wait until the context ends."""
    free = threading.Event()

    def wait() -> None:
        assert free.wait(60)

    with meddling_all(operations, wait):
        try:
            yield
        finally:
            free.set()


@contextmanager
def throttled(*operations: str, but: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Calls of these operations are throttled, those left out for which ``but`` says so."""

    def refuse() -> None:
        if not but():
            raise throttle(operations[0])

    with meddling_all(operations, refuse):
        yield


@contextmanager
def meddling_all(operations: tuple[str, ...], meddle: Meddle) -> Iterator[None]:
    if not operations:
        yield
        return
    with meddling(operations[0], meddle), meddling_all(operations[1:], meddle):
        yield


@contextmanager
def tried_again_soon() -> Iterator[None]:
    """The SDK tries as often as ever, and waits a fiftieth of the time in between."""
    usual = ExponentialBackoff.delay_amount

    def soon(self: ExponentialBackoff, context: object) -> float:
        return float(usual(self, context)) / 50

    with patch.object(ExponentialBackoff, "delay_amount", soon):
        yield


@contextmanager
def answers_lost(operation: str, count: int = 1) -> Iterator[list[str]]:
    """The first ``count`` calls happen and their answers are lost; the SDK sends them again.

    Gives a list of what was lost.
    """
    name = f"before-send.dynamodb.{operation}"
    dynamo = client("dynamodb")
    lost: list[str] = []

    def before(request: Any, **_: Any) -> None:
        if len(lost) < count:
            lost.append(operation)
            dynamo._endpoint.http_session.send(request)
            raise ConnectionClosedError(endpoint_url=request.url)

    dynamo.meta.events.register(name, before)
    try:
        with tried_again_soon():
            yield lost
    finally:
        dynamo.meta.events.unregister(name, before)


@contextmanager
def dying_after(operation: str, call: int) -> Iterator[None]:
    """The ``call``-th call (from 1) is carried out, and then the process is as good as dead."""
    dynamo = client("dynamodb")
    name = f"after-call.dynamodb.{operation}"
    seen: list[None] = []

    def after(**_: Any) -> None:
        seen.append(None)
        if len(seen) == call:
            raise KilledError

    dynamo.meta.events.register(name, after)
    try:
        yield
    finally:
        dynamo.meta.events.unregister(name, after)


class KilledError(BaseException):
    """Stands for the end of a process: nothing that the product does may catch it."""
