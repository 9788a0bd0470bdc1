"""Messages of two AIs from their queue: the function that measures them."""

import json
from typing import Any

import msgspec
import pytest

from tallybrook.assessments.dual_ai.reading import of_assessment
from tallybrook.assessments.dual_ai.telling import HIGH_KIND
from tallybrook.entrypoints.lambdas import dual_ai, runtime
from tallybrook.errors import StorageError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.state.aws import DynamoState
from tests.assessments.dual import worked
from tests.lambdas.queues import Worked
from tests.lambdas.stack import Stack
from tests.support.heard import Heard


class World(msgspec.Struct):
    """A stack's queue of messages, and who listens to its bus."""

    stack: Stack
    queue: Worked
    heard: Heard

    def measured(self, name: str) -> list[float | None]:
        state = runtime.opened().stores.agreement().state
        return [one.agreement for one in of_assessment(state, "acme", name)]


@pytest.fixture
def world(here: Stack) -> World:
    client("events").create_event_bus(Name=here.name)
    queue = Worked(here.name, "agreement", dual_ai.handler)
    return World(here, queue, Heard(here.name, "tallybrook"))


def message(name: str, **changed: Any) -> str:
    found = {"account_id": "acme"} | worked() | {"assessmentId": name}
    found["b1Validation"]["oceanScores"].update(changed)
    return json.dumps(found)


def test_a_batch(world: World) -> None:
    """Each message is measured once, however often it comes; what cannot be read is a failed
    record; a high disagreement is told on the bus, and every measurement in the log."""
    far = message("far", openness=5, neuroticism=99)
    world.queue.send(message("near"), message("near"), far, "no JSON")
    records = world.queue.receive()
    assert world.queue.handler({"Records": records}, None) == {"batchItemFailures": []}
    assert world.queue.settle(records, world.queue.handler({"Records": records}, None)) == []
    assert world.measured("near") == [pytest.approx(0.93)]
    assert len(world.measured("far")) == 1
    (record,) = world.stack.failed().values()
    assert (record.source, record.body) == ("agreement", "no JSON")
    events = world.stack.events().values()
    assert [event.event_type for event in events] == ["ai_agreement_measured"] * 2
    notices = [one for one in world.heard.listen() if one["detail-type"] == HIGH_KIND]
    assert {one["detail"]["assessment_id"] for one in notices} == {"far"}


def test_what_could_not_be_stored_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the state is away nothing is acknowledged. Given up, a message is a dead letter, and by
    the clock's call a failed record."""
    world.queue.send(message("later"))
    records = world.queue.receive()

    def away(*_: Any) -> Any:
        raise StorageError("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(DynamoState, "write", away)
        with pytest.raises(StorageError):
            world.queue.handler({"Records": records}, None)
    assert world.measured("later") == []
    world.queue.bury(records)
    assert dual_ai.handler({}, None) == {"dead_letters": 1}
    (record,) = world.stack.failed("acme").values()
    assert (record.source, record.reason) == ("agreement", "dead_letter")
    assert record.body == message("later")
