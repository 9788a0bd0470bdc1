"""Partial-batch answers: exactly what was not stored comes again."""

import json
from typing import Any

import pytest

from tallybrook.entrypoints.lambdas import kinesis, sqs, storing
from tallybrook.errors import StorageError, TallybrookError
from tests.lambdas import deliveries as d
from tests.lambdas.stack import Stack, refusing


def names(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture(autouse=True)
def small_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "MAX_BATCH_EVENTS", 2)


def test_a_stream_is_delivered_again_from_the_lowest_number_not_stored(here: Stack) -> None:
    """Kinesis takes one number: what lies behind it comes again as well."""
    batch = d.kinesis(*[d.event(f"e{i}") for i in range(5)])
    with refusing(1):
        assert names(kinesis.handler(batch, None)) == ["102"]
    assert sorted(here.events()) == ["e0", "e1"]


def test_a_queue_delivers_again_only_what_was_not_stored(here: Stack) -> None:
    """What was stored before the storage went away is acknowledged."""
    with refusing(1):
        assert names(sqs.handler(d.sqs(*[d.event(f"e{i}") for i in range(5)]), None)) == [
            "m2", "m3", "m4",
        ]  # fmt: skip


class Denying:
    """Refuses whatever holds one event, for good."""

    def __init__(self, log: Any) -> None:
        self.log = log

    def write(self, write: Any, timeout_s: float = 30.0) -> Any:
        if any(event.event_id == "e1" for event in write.events):
            raise TallybrookError("denied")
        return self.log.write(write, timeout_s)


def deny(monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    from tallybrook.entrypoints.lambdas import runtime

    opened = runtime.opened()
    log: Any = Denying(opened.log)
    monkeypatch.setattr(runtime, "opened", lambda: msgspec.structs.replace(opened, log=log))


def test_one_refused_write_spoils_only_its_own_delivery(
    here: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that shared a write with it are stored without it."""
    with monkeypatch.context() as patch:
        deny(patch)
        assert names(sqs.handler(d.sqs(*[d.event(f"e{i}") for i in range(4)]), None)) == ["m1"]
    assert sorted(here.events()) == ["e0", "e2", "e3"]


def test_a_fifo_queue_keeps_its_order(here: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that follow what was refused are reported with it."""
    with monkeypatch.context() as patch:
        deny(patch)
        batch = d.sqs(*[d.event(f"e{i}") for i in range(4)], fifo=True)
        assert names(sqs.handler(batch, None)) == ["m1", "m2", "m3"]


@pytest.mark.parametrize("handler", [kinesis.handler, sqs.handler])
def test_what_the_trigger_never_delivers_is_kept_once(here: Stack, handler: Any) -> None:
    """A record of another shape is a failed record, named after its content."""
    for event in ({"Records": [{"odd": 1}]}, {"Records": [{"odd": 1}]}, {"no": "records"}):
        assert handler(event, None) == {"batchItemFailures": []}
    bodies = sorted(record.body for record in here.failed().values())
    assert bodies == ['{"no":"records"}', '{"odd":1}']


def test_what_has_no_name_and_is_not_stored_raises(here: Stack) -> None:
    """An answer could not name it, and an empty name means something else to each service."""
    with refusing(), pytest.raises(StorageError):
        kinesis.handler({"Records": [{"odd": 1}]}, None)


def test_a_tumbling_window_gets_its_state_back(here: Stack) -> None:
    """State is handed on as it is, in the last invocation of a window too, which has no record."""
    window = {"window": {"start": "a", "end": "b"}, "isWindowTerminatedEarly": False}
    batch = d.kinesis(d.event("e")) | window | {"state": {"n": 1}, "isFinalInvokeForWindow": False}
    assert kinesis.handler(batch, None) == {"batchItemFailures": [], "state": {"n": 1}}
    final = {"Records": [], "state": {"n": 1}, "isFinalInvokeForWindow": True} | window
    assert kinesis.handler(final, None) == {"batchItemFailures": [], "state": {"n": 1}}
    without = window | {"isFinalInvokeForWindow": True}
    assert kinesis.handler(without, None) == {"batchItemFailures": [], "state": {}}
    assert list(here.events()) == ["e"]


def test_a_record_that_is_not_base64_is_kept(here: Stack) -> None:
    """What the stream never sends is kept all the same."""
    batch = d.kinesis(d.event("e"))
    batch["Records"][0]["kinesis"]["data"] = "not base64!"
    assert names(kinesis.handler(batch, None)) == []
    (record,) = here.failed().values()
    assert (record.reason, record.body) == ("malformed", "not base64!")


def test_the_same_message_of_a_topic_in_two_queue_messages_counts_once(here: Stack) -> None:
    """SNS may deliver to a queue twice; the topic's own id tells."""
    one = d.sns(d.event())
    sqs.handler(d.sqs(one, one), None)
    assert len(here.events()) == 1


def test_a_raw_subscription_is_read_as_it_is(here: Stack) -> None:
    """With raw delivery the message is the body."""
    sqs.handler(d.sqs(d.event("raw", properties={"a": 1})), None)
    assert list(here.events()) == ["raw"]


def test_an_event_of_a_bus_is_typed_by_its_detail_type(here: Stack) -> None:
    """By way of a queue, too."""
    sqs.handler(d.sqs(json.dumps(d.bus({"n": 1}))), None)
    (event,) = here.events().values()
    assert (event.event_id, event.event_type, event.user_id) == ("b1", "OrderPlaced", None)
    assert (event.timestamp, event.time_source) == (1_705_675_043_000_000, "event")
    assert bytes(event.properties) == b'{"n":1}'  # type: ignore[arg-type]
