"""For every trigger: the same delivery twice changes nothing, and a refused one can come again."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from tallybrook.entrypoints.lambdas import bus, kinesis, s3, sqs, storing
from tallybrook.errors import StorageError, TallybrookError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.queue.aws import _attributes_again
from tests.lambdas import deliveries as d
from tests.lambdas.stack import Stack, refusing

BODIES = [d.event("a"), d.event(), "no JSON", {"events": [d.event("b"), d.event()]}, d.event("c")]
FILE = "raw/events/2026/a b+ä.ndjson"


class Trigger(Struct):
    """A handler and what is delivered to it; ``retries`` says who asks for it again."""

    handler: Callable[[Any, object], Any]
    delivery: Callable[[str], Any]
    events: int
    failed: int
    retries: str = "answer"


def put(bucket: str) -> None:
    lines = [d.text(body) for body in [d.event("a"), d.event(), "no JSON", d.event("c")]]
    client("s3").put_object(Bucket=bucket, Key=FILE, Body="\n".join(lines).encode())


TRIGGERS = {
    "kinesis": Trigger(kinesis.handler, lambda _: d.kinesis(*BODIES), 5, 1),
    "sqs": Trigger(sqs.handler, lambda _: d.sqs(*BODIES), 5, 1),
    "fifo": Trigger(sqs.handler, lambda _: d.sqs(*BODIES, fifo=True), 5, 1),
    "sns": Trigger(
        sqs.handler,
        lambda _: d.sqs(*[d.sns(body, f"t{i}") for i, body in enumerate(BODIES)]), 5, 1,
    ),
    "s3": Trigger(s3.handler, lambda bucket: d.s3(bucket, FILE), 3, 1, "raise"),
    "s3-sqs": Trigger(sqs.handler, lambda bucket: d.sqs(d.s3(bucket, FILE)), 3, 1),
    "s3-sns-sqs": Trigger(sqs.handler, lambda bucket: d.sqs(d.sns(d.s3(bucket, FILE))), 3, 1),
    "s3-bus": Trigger(bus.handler, lambda bucket: d.created(bucket, FILE), 3, 1, "raise"),
    "bus": Trigger(bus.handler, lambda _: d.bus({"events": BODIES}), 3, 2, "raise"),
    "bus-sqs": Trigger(sqs.handler, lambda _: d.sqs(d.bus({"events": BODIES})), 3, 2),
    "bus-kinesis": Trigger(kinesis.handler, lambda _: d.kinesis(d.bus({"events": BODIES})), 3, 2),
}  # fmt: skip


@pytest.fixture(params=TRIGGERS.values(), ids=TRIGGERS)
def trigger(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Trigger:
    """Writes are of two items, so that a delivery takes several."""
    monkeypatch.setattr(storing, "MAX_BATCH_EVENTS", 2)
    found: Trigger = request.param
    return found


@pytest.fixture
def bucket(here: Stack) -> str:
    client("s3").create_bucket(Bucket=here.name)
    put(here.name)
    return here.name


def kept(here: Stack) -> tuple[set[str], dict[str, str]]:
    return set(here.events()), {name: record.body for name, record in here.failed().items()}


def test_the_same_delivery_twice_changes_nothing(
    here: Stack, bucket: str, trigger: Trigger
) -> None:
    """Every item is stored once, whatever names it."""
    trigger.handler(trigger.delivery(bucket), None)
    first = kept(here)
    assert (len(first[0]), len(first[1])) == (trigger.events, trigger.failed)
    trigger.handler(trigger.delivery(bucket), None)
    assert kept(here) == first


@pytest.mark.parametrize("writes", [0, 1])
@pytest.mark.parametrize(
    "error", [StorageError("away"), TallybrookError("denied")], ids=["away", "denied"]
)
def test_what_is_refused_in_the_middle_comes_again_and_completes(
    here: Stack, bucket: str, trigger: Trigger, writes: int, error: TallybrookError
) -> None:
    """A delivery that was not stored whole is never acknowledged; delivered again it is."""
    delivery = trigger.delivery(bucket)
    with refusing(writes, error):
        if trigger.retries == "raise":
            with pytest.raises(StorageError):
                trigger.handler(delivery, None)
        else:
            answer = trigger.handler(delivery, None)
            assert answer["batchItemFailures"]
            delivery = again(delivery, answer)
    assert trigger.handler(delivery, None) in (None, {"batchItemFailures": []})
    assert [len(part) for part in kept(here)] == [trigger.events, trigger.failed]


def test_a_redriven_message_keeps_its_name(here: Stack) -> None:
    """It is another message by then, sent at another time, and says which one it was: what was
    stored of it before counts once, and what failed of it is the same failed record."""
    delivery = d.sqs(*BODIES)
    sqs.handler(delivery, None)
    first = kept(here)
    for record in delivery["Records"]:
        letter = {
            "MessageId": record["messageId"],
            "Attributes": {"SentTimestamp": record["attributes"]["SentTimestamp"]},
            "MessageAttributes": {"colour": {"DataType": "Binary", "BinaryValue": b"x"}},
        }
        record["messageAttributes"] = {
            name: {"stringValue": value.get("StringValue"), "dataType": value["DataType"]}
            for name, value in _attributes_again(letter).items()
        }
        record["messageId"] += "-again"
        record["attributes"]["SentTimestamp"] = str(d.SENT_MS + 3_600_000)
    assert sqs.handler(delivery, None) == {"batchItemFailures": []}
    assert kept(here) == first


def test_odd_attributes_are_no_name(here: Stack) -> None:
    """Without a text in it the attribute is passed over, and failures name the message itself."""
    delivery = d.sqs(d.event(), d.event(), d.event())
    odd = [{"tallybrook-origin": {"stringValue": text}} for text in ("", None)]
    for record, given in zip(delivery["Records"], [*odd, None], strict=True):
        record["messageAttributes"] = given
    sqs.handler(delivery, None)
    assert len(here.events()) == 3
    delivery["Records"][0]["messageAttributes"] = {"tallybrook-origin": {"stringValue": "m1"}}
    with refusing():
        (failure,) = sqs.handler({"Records": delivery["Records"][:1]}, None)["batchItemFailures"]
    assert failure == {"itemIdentifier": "m0"}


def again(delivery: Any, answer: Any) -> Any:
    """What the service delivers after such an answer: of a queue the named messages, of a stream
    everything from the named number on."""
    names = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    records = delivery["Records"]
    if "kinesis" in records[0]:
        numbers = [record["kinesis"]["sequenceNumber"] for record in records]
        return {"Records": records[numbers.index(min(names)) :]}
    return {"Records": [record for record in records if record["messageId"] in names]}
