"""The anonymizer and the calculator, each from its own queue, S3 between them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tallybrook.assessments.flow.places import OUT_PREFIX, scores_partition
from tallybrook.assessments.flow.receiving import Desk, calculate_again, receive, take
from tallybrook.assessments.flow.telling import SCORED_KIND
from tallybrook.entrypoints.lambdas import anonymizer, ocean, runtime
from tallybrook.errors import UsageError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.objects.aws import S3Objects
from tallybrook.ports.state.aws import DynamoState
from tallybrook.wiring.privacy import open_secrets
from tests.assessments.raw import assessment
from tests.lambdas import deliveries as d
from tests.lambdas.queues import Worked, arn_of
from tests.lambdas.stack import Stack
from tests.support.heard import Heard


class World(msgspec.Struct):
    """A stack's queues and bucket, and its door."""

    stack: Stack
    tasks: Worked
    told: Worked
    heard: Heard

    @property
    def desk(self) -> Desk:
        return runtime.opened().stores.assessments()

    def receive(self, **fields: Any) -> str:
        """Through the door; the pseudonym."""
        body = json.dumps(assessment(**fields)).encode()
        taken = take(body, "acme", self.desk.anonymizer())
        receive([taken], "acme", self.desk, 1)
        return taken.assessment_id

    def work_off(self) -> None:
        """Until nothing is left to do."""
        while self.tasks.run() or self.told.run():
            raise AssertionError("something has to come again")

    def scores(self) -> list[bytes]:
        found = self.desk.anonymizer().state.query(scores_partition("acme"))
        return [one.value for one in found]

    def keys(self, prefix: str) -> list[str]:
        found: Any = client("s3").list_objects_v2(Bucket=self.stack.name, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]

    def standing(self, name: str) -> str:
        from tallybrook.assessments.flow.reading import by_pseudonym

        found = by_pseudonym(self.desk.anonymizer().state, "acme", name)
        assert found is not None
        return found.standing.status


@pytest.fixture
def world(here: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A bucket that tells the calculator's queue of what is anonymised, as the stack's does."""
    client("s3").create_bucket(Bucket=here.name)
    client("events").create_event_bus(Name=here.name)
    client("secretsmanager").create_secret(Name=f"{here.name}/privacy", SecretString="s" * 32)
    monkeypatch.setenv("TALLYBROOK_BUCKET", here.name)
    runtime.forget()
    tasks = Worked(here.name, "assessments", anonymizer.handler)
    told = Worked(here.name, "ocean", ocean.handler)
    rule = {"Name": "prefix", "Value": OUT_PREFIX}
    client("s3").put_bucket_notification_configuration(
        Bucket=here.name,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": arn_of(told.url), "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [rule]}},
                }
            ]
        },
    )  # fmt: skip
    assert told.run() == []  # S3's test message
    yield World(here, tasks, told, Heard(here.name, "tallybrook"))
    open_secrets.cache_clear()


class Crash(BaseException):
    """The end of the function, between an output and the acknowledgement."""


def dying_after(owner: type, method: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The next call of a method happens, and is the last thing that does."""
    real = getattr(owner, method)

    def call(*args: Any, **named: Any) -> Any:
        monkeypatch.setattr(owner, method, real)
        real(*args, **named)
        raise Crash

    def arm() -> None:
        monkeypatch.setattr(owner, method, call)

    return arm


def test_killed_between_output_and_acknowledgement(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each function dies right after it has put its output, and everything is delivered again:
    one anonymised object, one score, one event, one notice's id."""
    world.receive()
    for worked, arm in (
        (world.tasks, dying_after(S3Objects, "put", monkeypatch)),
        (world.told, dying_after(DynamoState, "write", monkeypatch)),
    ):
        records = worked.receive()
        arm()
        with pytest.raises(Crash):
            worked.handler({"Records": records}, None)
        worked.handler({"Records": records}, None)
        assert worked.settle(records, worked.handler({"Records": records}, None)) == []
    world.work_off()
    assert (len(world.keys(OUT_PREFIX)), len(world.scores())) == (1, 1)
    (event,) = world.stack.events().values()
    assert event.event_type == "assessment_scored"
    notices = [one for one in world.heard.listen() if one["detail-type"] == SCORED_KIND]
    assert {one["detail"]["notice"]["id"] for one in notices} == {event.event_id}
    assert "scores" not in notices[0]["detail"]
    assert world.stack.failed("acme") == {}


def test_an_output_never_comes_back_to_its_own_function(world: World) -> None:
    """Told of its own output the anonymizer hands it on, once to be scored; told of a raw one the
    calculator refuses it, and reads nothing of it."""
    world.receive()
    world.tasks.run()
    (key,) = world.keys(OUT_PREFIX)
    world.tasks.send(json.dumps(d.s3(world.stack.name, key)))
    world.work_off()
    assert world.keys(OUT_PREFIX) == [key]
    assert len(world.scores()) == 1
    (raw,) = world.keys("received/")
    world.told.send(json.dumps(d.s3(world.stack.name, raw)))
    world.told.send(json.dumps(d.s3(world.stack.name, raw)))
    world.work_off()
    (record,) = world.stack.failed("acme").values()
    assert (record.source, record.reason) == ("assessments", "not-found")
    assert len(world.scores()) == 1


def test_one_bad_message_spoils_only_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch with what is no task, an object that is gone, S3's test message and a message that
    the function fails of, only the last has to come again; the good one is scored."""
    world.receive(assessmentId="good")
    world.receive(assessmentId="poison")
    poisoned = world.desk.anonymizer().objects
    keys = world.keys("received/")
    (poison,) = [key for key in keys if b"poison" in (poisoned.get(key) or b"")]
    world.tasks.send("{}", json.dumps({"Event": "s3:TestEvent"}))
    world.tasks.send(json.dumps({"object": "raw/assessments/acme/gone.json"}))
    real = S3Objects.get

    def get(self: S3Objects, key: str, *more: Any) -> Any:
        if key == poison:
            raise RuntimeError("a mistake of ours")
        return real(self, key, *more)

    monkeypatch.setattr(S3Objects, "get", get)
    records = world.tasks.receive()
    again = world.tasks.settle(records, anonymizer.handler({"Records": [*records, 7]}, None))
    assert [poison in body for body in again] == [True]
    assert world.told.run() == []
    assert len(world.scores()) == 1
    reasons = [one.reason for one in world.stack.failed().values()]
    assert sorted(reasons) == ["invalid", "unsupported-type"]
    (gone,) = world.stack.failed("acme").values()
    assert gone.reason == "not-found"


def test_dead_letters_become_failed_records(world: World) -> None:
    """By the clock's call, of both queues and in both forms; the assessment says so, and replayed
    it is scored once."""
    name = world.receive()
    world.tasks.run()
    records = world.told.receive()
    assert "eventSource" in records[0]["body"]
    world.told.bury(records)
    assert ocean.handler({}, None) == {"dead_letters": 1}
    assert ocean.handler({"source": "aws.scheduler"}, None) == {"dead_letters": 0}
    (record,) = world.stack.failed("acme").values()
    assert (record.reason, world.standing(name)) == ("dead_letter", "failed")
    calculate_again(record, world.desk, 2)
    assert world.standing(name) == "received"
    world.work_off()
    assert (len(world.scores()), world.standing(name)) == (1, "scored")
    other = world.receive(assessmentId="other")
    world.tasks.bury(world.tasks.receive())
    assert anonymizer.handler({}, None) == {"dead_letters": 1}
    assert world.standing(other) == "failed"


def test_what_was_never_scored_can_be_sent_again(world: World) -> None:
    """Though its output is there already, of which S3 tells nobody a second time."""
    name = world.receive()
    world.tasks.run()
    world.told.settle(world.told.receive(), {"batchItemFailures": []})  # lost
    assert world.receive() == name
    world.work_off()
    assert (len(world.scores()), world.standing(name)) == (1, "scored")


def test_without_its_secret_nothing_is_done(world: World) -> None:
    """The anonymizer refuses to work; the calculator needs no secret."""
    world.receive()
    world.tasks.run()
    client("secretsmanager").delete_secret(
        SecretId=f"{world.stack.name}/privacy", ForceDeleteWithoutRecovery=True
    )
    open_secrets.cache_clear()
    world.tasks.send("{}")
    with pytest.raises(UsageError):
        anonymizer.handler({"Records": world.tasks.receive()}, None)
    assert world.told.run() == []
    state = DynamoState(world.stack.name)
    assert len(state.query(scores_partition("acme"))) == 1
