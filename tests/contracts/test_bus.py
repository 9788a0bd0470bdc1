"""What every bus promises (``tallybrook.ports.bus``)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.errors import InvalidError, StorageError, TallybrookError, TooLargeError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.bus import MAX_NOTICE_BYTES, Bus, Notice, notice_of
from tallybrook.ports.bus.aws import EventBridgeBus
from tallybrook.ports.bus.local import LocalBus
from tests.support import wait_for

AT = 1_705_674_923_000_000


class Listening:
    """A bus and one subscriber to it. ``heard`` are the notices so far, as they were delivered."""

    def __init__(self, bus: Bus, listen: Callable[[], list[Notice]]) -> None:
        self.bus, self._listen = bus, listen
        self.heard: list[Notice] = []

    def after(self, count: int) -> list[Notice]:
        """What was heard once there are ``count`` different notices."""

        def enough() -> bool:
            self.heard += self._listen()
            return len({notice.notice_id for notice in self.heard}) >= count

        wait_for(enough, 20)
        return self.heard


@pytest.fixture(params=["local", "aws"])
def open_listening(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., Listening]]:
    if request.param == "aws":
        stack: str = request.getfixturevalue("stack")
        yield lambda *kinds: on_aws(stack, kinds)
        return
    opened: list[LocalBus] = []

    def local(*kinds: str) -> Listening:
        bus = LocalBus(tmp_path / "bus.db")
        opened.append(bus)
        got: list[Notice] = []
        bus.subscribe("test", got.append, lambda *_: None, kinds=kinds or None)
        return Listening(bus, lambda: [got.pop() for _ in range(bus.deliver() and len(got))])

    yield local
    for bus in opened:
        bus.close()


def on_aws(stack: str, kinds: tuple[str, ...]) -> Listening:
    """A bus with a rule that puts what it matches into a queue."""
    events: Any = client("events")
    sqs: Any = client("sqs")
    events.create_event_bus(Name=stack)
    url = sqs.create_queue(QueueName=f"{stack}-heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    policy |= {"Principal": {"Service": "events.amazonaws.com"}}
    statement = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": statement})
    pattern = {"source": ["tallybrook"], **({"detail-type": list(kinds)} if kinds else {})}
    events.put_rule(Name="heard", EventBusName=stack, EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": arn["QueueArn"]}
    events.put_targets(Rule="heard", EventBusName=stack, Targets=[target])
    return Listening(EventBridgeBus(stack), lambda: received(sqs, url))


def received(sqs: Any, url: str) -> list[Notice]:
    """The notices of the messages in a queue."""
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    messages = answer.get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    found = [json.loads(message["Body"]) for message in messages]
    return [notice_of(one["detail-type"], json.dumps(one["detail"]).encode()) for one in found]


def notice(n: int = 0, kind: str = "alert.raised", **data: object) -> Notice:
    return Notice(notice_id=f"n{n:03}", kind=kind, account_id="acme", at=AT, data=data)


def test_a_notice_arrives_as_it_was_published(open_listening: Callable[..., Listening]) -> None:
    """Id, kind, account, instant and data."""
    listening = open_listening()
    sent = notice(1, value=0, text="é\n", nested={"list": [1.5, None, False]})
    listening.bus.publish([sent])
    assert set(map(repr, listening.after(1))) == {repr(sent)}


def test_any_number_of_notices_arrives(open_listening: Callable[..., Listening]) -> None:
    """More than one call of a service takes; publishing nothing is fine."""
    listening = open_listening()
    listening.bus.publish([])
    listening.bus.publish([notice(n) for n in range(25)])
    heard = {one.notice_id for one in listening.after(25)}
    assert heard == {f"n{n:03}" for n in range(25)}


def test_large_notices_arrive(open_listening: Callable[..., Listening]) -> None:
    """Also where several of them do not fit into one call."""
    listening = open_listening()
    large = [notice(n, text="x" * (MAX_NOTICE_BYTES - 200)) for n in range(5)]
    listening.bus.publish(large)
    assert {one.notice_id for one in listening.after(5)} == {one.notice_id for one in large}


def test_a_subscriber_chooses_kinds(open_listening: Callable[..., Listening]) -> None:
    """What it did not ask for does not come."""
    listening = open_listening("run.ended")
    listening.bus.publish([notice(1), notice(2, "run.ended"), notice(3), notice(4, "run.ended")])
    assert {one.kind for one in listening.after(2)} == {"run.ended"}


def test_a_notice_published_again_is_known_by_its_id(
    open_listening: Callable[..., Listening],
) -> None:
    """Publishing after an error, or a crash, again is safe: the id says that it is the same."""
    listening = open_listening()
    listening.bus.publish([notice(1)])
    listening.bus.publish([notice(1), notice(2)])
    assert {one.notice_id for one in listening.after(2)} == {"n001", "n002"}


@pytest.mark.parametrize(
    "bad",
    [
        Notice(notice_id="", kind="a", account_id="acme", at=AT),
        Notice(notice_id="x" * 257, kind="a", account_id="acme", at=AT),
        notice(kind="Not A Kind"),
        notice(what=object()),
        notice(notice="taken"),
        notice(text="x" * MAX_NOTICE_BYTES),
    ],
)
def test_a_notice_that_cannot_travel_is_refused(
    open_listening: Callable[..., Listening], bad: Notice
) -> None:
    """Before any notice of the call is published."""
    listening = open_listening()
    with pytest.raises((InvalidError, TooLargeError)):
        listening.bus.publish([notice(1), bad])
    listening.bus.publish([notice(2)])
    assert {one.notice_id for one in listening.after(1)} == {"n002"}


class Failing:
    """EventBridge that refuses all but the first entry of a call, so many times."""

    def __init__(self, times: int, code: str) -> None:
        self._events: Any = client("events")
        self._times, self._code = times, code
        self.calls = 0

    def put_events(self, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803
        self.calls += 1
        if self.calls > self._times:
            return self._events.put_events(Entries=Entries)
        answer = self._events.put_events(Entries=Entries[:1])
        refused = [{"ErrorCode": self._code, "ErrorMessage": ""} for _ in Entries[1:]]
        return {"FailedEntryCount": len(refused), "Entries": [*answer["Entries"], *refused]}


def test_refused_entries_are_published_again(stack: str) -> None:
    """Only those: nothing is told as published that is not."""
    listening = on_aws(stack, ())
    EventBridgeBus(stack, Failing(2, "ThrottlingException")).publish([notice(n) for n in range(5)])
    assert sorted(one.notice_id for one in listening.after(5)) == [f"n{n:03}" for n in range(5)]


def test_entries_that_go_on_failing_are_told(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's fault may pass; ours is not tried again."""
    monkeypatch.setattr("tallybrook.ports.bus.aws.back_off", lambda _: None)
    client("events").create_event_bus(Name=stack)
    many = [notice(n) for n in range(9)]
    with pytest.raises(StorageError):
        EventBridgeBus(stack, Failing(99, "InternalFailure")).publish(many)
    ours = Failing(99, "MalformedDetail")
    with pytest.raises(TallybrookError, match="MalformedDetail") as caught:
        EventBridgeBus(stack, ours).publish(many)
    assert (isinstance(caught.value, StorageError), ours.calls) == (False, 1)
