"""Storing deliveries, with refusals wherever they may come: nothing lost, nothing twice."""

import itertools
import os
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallybrook.entrypoints.lambdas import kinesis, runtime, sqs, storing
from tallybrook.entrypoints.lambdas.identity import Origin
from tallybrook.entrypoints.lambdas.messages import Reading, read_message
from tallybrook.entrypoints.lambdas.runtime import Opened
from tallybrook.entrypoints.lambdas.storing import Delivery, store
from tallybrook.errors import BacklogFullError, StorageError, TallybrookError
from tallybrook.ports.aws import clients
from tallybrook.ports.clock import system_clock
from tallybrook.ports.log import Receipt, Write
from tallybrook.settings import Settings
from tallybrook.wiring import open_product
from tests.lambdas import deliveries as d
from tests.lambdas.stack import Stack
from tests.support.faults import FaultyServices, faulty_services

_numbers = itertools.count()
FAULTS: list[TallybrookError | None] = [
    None,
    None,
    StorageError("away"),
    BacklogFullError("behind"),
    TallybrookError("denied"),
]


class Flaky:
    """A log that takes or refuses one write after another as it was told, and then takes all."""

    def __init__(self, log: Any, faults: list[TallybrookError | None]) -> None:
        self.log, self.faults = log, list(faults)

    def write(self, write: Write, timeout_s: float = 30.0) -> Receipt:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        receipt: Receipt = self.log.write(write, timeout_s)
        return receipt


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The embedded product: storing knows no backend."""
    found = Settings(data=str(tmp_path_factory.mktemp("data")))
    product = open_product(found, sql=False)
    yield Opened(found, system_clock, product.log, product.stores)
    product.log.close()
    product.stores.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(st.sampled_from(["good", "bad", "same"]), max_size=4), max_size=8),
    st.lists(st.sampled_from(FAULTS), max_size=12),
    st.integers(1, 5),
)
def test_redelivering_what_was_reported_stores_everything_once(
    local: Opened, shapes: list[list[str]], faults: list[TallybrookError | None], at_once: int
) -> None:
    """Whatever is refused and whenever: what is not reported is stored, and delivering what is
    reported until nothing is ends with every item once."""
    run = next(_numbers)
    deliveries = [made(run, index, shape) for index, shape in enumerate(shapes)]
    opened = msgspec.structs.replace(local, log=Flaky(local.log, faults))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storing, "MAX_BATCH_EVENTS", at_once)
        waiting = deliveries
        for _ in range(len(faults) + 2):
            keys = store(waiting, opened)
            assert keys == [one.key for one in waiting if one.key in keys], "the order is kept"
            done = [one for one in waiting if one.key not in keys]
            assert all(is_stored(item, local) for one in done for item in one.items)
            waiting = [one for one in waiting if one.key in keys]
    assert not waiting
    assert all(is_stored(item, local) for one in deliveries for item in one.items)


def made(run: int, index: int, shape: list[str]) -> Delivery:
    parts: dict[str, Any] = {
        "good": d.event(),
        "bad": {"event_type": ""},
        "same": d.event(f"same-{run}"),
    }
    body = msgspec.json.encode([parts[name] for name in shape])
    origin = Origin("test", (str(run), str(index)), 0)
    return Delivery(f"k{index}", read_message(body, origin, Reading(0)))


def is_stored(item: Any, opened: Opened) -> bool:
    if hasattr(item, "event_id"):
        return opened.stores.events.get(item.account_id, item.event_id) is not None
    return opened.stores.failed.get(item.account_id, item.failed_id) is not None


@pytest.fixture
def services(here: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServices]:
    """A proxy between the function and the emulated services."""
    with faulty_services(os.environ["AWS_ENDPOINT_URL"]) as found, monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", found.endpoint)
        clients.client.cache_clear()
        runtime.forget()
        yield found
    runtime.forget()
    clients.client.cache_clear()


def test_an_event_that_dynamodb_refuses_is_the_only_one_to_come_again(
    here: Stack, services: FaultyServices
) -> None:
    """The parts of a write are calls of their own: what the others stored stays, once."""
    batch = d.sqs(*[d.event(f"e{i}") for i in range(5)])

    def judge(operation: str, body: bytes) -> str | None:
        refuse = operation == "PutItem" and b"default#e1" in body
        return "AccessDeniedException" if refuse else None

    with services.failing(judge):
        answer = sqs.handler(batch, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert sorted(here.events()) == ["e0", "e2", "e3", "e4"]
    assert sqs.handler(batch, None) == {"batchItemFailures": []}
    assert len(here.events()) == 5


def test_a_lost_answer_is_no_duplicate_and_no_failure(
    here: Stack, services: FaultyServices
) -> None:
    """The call happened, the connection broke: the SDK's second try finds its own row."""
    lost = iter(["lose"])

    def judge(operation: str, _body: bytes) -> str | None:
        return next(lost, None) if operation == "PutItem" else None

    with services.failing(judge):
        answer = kinesis.handler(d.kinesis(d.event("a"), d.event("b")), None)
    assert answer == {"batchItemFailures": []}
    assert services.spoiled == ["PutItem"]
    assert sorted(here.events()) == ["a", "b"]
