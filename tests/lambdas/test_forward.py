"""The function that forwards: by the log, by the bus, invoked directly, by records of streams."""

from collections.abc import Iterator
from typing import Any

import pytest

from tallybrook.entrypoints.lambdas import forward, runtime
from tallybrook.errors import RetryableError, UsageError
from tallybrook.forwarding.pinpoint import event_key
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.tables import LOG, physical
from tallybrook.wiring.privacy import open_secrets
from tests.contracts.sources import DynamoByHand
from tests.contracts.test_sinks import Kinesis
from tests.forwarding.world import chunk, event
from tests.lambdas import deliveries as d
from tests.lambdas.stack import Stack


class LogInside(DynamoByHand):
    """The log of a stack that is there."""

    def __init__(self, stack: str) -> None:
        self.stack, self.table, self.dynamo = stack, physical(stack, LOG), client("dynamodb")


class Context:
    """What Lambda hands over, with time enough."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


@pytest.fixture
def stream(here: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kinesis]:
    """A stream that the stack forwards to."""
    world = Kinesis(here.name)
    client("secretsmanager").create_secret(Name=f"{here.name}/privacy", SecretString="s" * 32)
    monkeypatch.setenv("TALLYBROOK_FORWARD_TO", f"kinesis:{world.stream}")
    runtime.forget()
    yield world
    world.close()


def call(delivery: Any) -> Any:
    return forward.handler(delivery, Context())


def names(world: Kinesis) -> set[str]:
    return {name for _, name in world.arrived()}


def key(event_id: str, account: str = "default") -> str:
    return event_key(account, event_id)


def test_off(here: Stack) -> None:
    """Without a target it says so."""
    with pytest.raises(UsageError):
        call({})


def test_follows_the_log(stream: Kinesis, here: Stack) -> None:
    """What is new, from where the invocation before ended, whatever environment that was in; each
    event once, and a failed record for what cannot be sent."""
    log = LogInside(here.name)
    log.put(chunk(1, [event({}, event_id="a"), event({}, "other", "b")]))
    assert call({}) == {"entries": 2, "position": 2}
    runtime.forget()
    log.put(chunk(3, [event(b'{"n":1e999}', event_id="c"), event({}, event_id="d")]))
    assert call(d.bus({}, "Scheduled Event", "aws.events")) == {"entries": 2, "position": 4}
    assert call({}) == {"entries": 0, "position": 4}
    assert sorted(names(stream)) == sorted(key(name, "acme") for name in "abd")
    assert len(stream.arrived()) == 3
    assert runtime.opened().stores.failed.counts() == {("acme", "open"): 1}


def test_an_event_of_a_bus(stream: Kinesis) -> None:
    """Its detail, under its detail-type; the report is the answer, and the same event again has
    the same name."""
    delivery = d.bus({"user_id": "u", "score": 0, "ok": False}, "assessment.completed")
    for _ in range(2):
        report = call(delivery)
        assert (report["received"], report["sent"], report["failed"]) == (1, 1, 0)
    assert len(names(stream)) == 1
    assert len(stream.arrived()) == 2


def test_direct(stream: Kinesis) -> None:
    """An event, an array, a batch; what is none is a failed record and counted as such."""
    assert call(d.event("a"))["sent"] == 1
    assert call([d.event("b"), d.event("c")])["sent"] == 2
    report = call({"events": [d.event("d"), {"event_type": ""}, d.event("e")]})
    assert (report["received"], report["sent"], report["failed"]) == (3, 2, 1)
    assert report["unknown_types"] == {"view": 2}
    assert names(stream) == {key(name) for name in "abcde"}
    assert sum(runtime.opened().stores.failed.counts().values()) == 1


def test_records_of_streams(stream: Kinesis) -> None:
    """Those of a Kinesis stream and those of the events table's."""
    assert call(d.kinesis(d.event("a"), d.event("b"))) == {"batchItemFailures": []}
    assert call({"Records": [d.inserted("c"), d.inserted("d")]}) == {"batchItemFailures": []}
    assert names(stream) == {key(name) for name in "abcd"}


def test_records_that_do_not_go_out(stream: Kinesis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first batch of them and all after it come again; without a name, everything does."""
    many = d.kinesis(*(d.event(f"e{n}") for n in range(250)))
    done: list[int] = []
    real = forward.deliver

    def deliver(events: Any, *more: Any) -> Any:
        if len(done) == 1:
            raise RetryableError("away")
        done.append(len(events))
        return real(events, *more)

    monkeypatch.setattr(forward, "deliver", deliver)
    assert call(many) == {"batchItemFailures": [{"itemIdentifier": "200"}]}
    assert done == [100]
    with pytest.raises(RetryableError):
        call(d.event("direct"))


def test_the_secret_is_the_stacks(stream: Kinesis, here: Stack) -> None:
    """Names are made with it: the same from each start on. Without it nothing is sent, and no
    event is given up for that."""
    call(d.event("a"))
    (first,) = {found for found, _ in stream.arrived()}
    runtime.forget()
    call(d.event("b"))
    assert {found for found, _ in stream.arrived()} == {first}
    client("secretsmanager").delete_secret(
        SecretId=f"{here.name}/privacy", ForceDeleteWithoutRecovery=True
    )
    runtime.forget()
    open_secrets.cache_clear()
    with pytest.raises(UsageError):
        call(d.event("c"))
    assert not runtime.opened().stores.failed.counts()
