"""What every queue promises (``tallybrook.ports.queue``)."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.errors import ConflictError, InvalidError, StorageError, TooLargeError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.queue import MAX_BODY_BYTES, Message, Queue
from tallybrook.ports.queue.aws import SqsQueue
from tallybrook.ports.queue.local import SqliteQueue
from tests.support import wait_for

MAX_RECEIVES = 2
Open = Callable[[], Queue]


def make_queue(name: str) -> None:
    """A queue and its dead-letter queue, as the stack makes them."""
    sqs: Any = client("sqs")
    url = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
    wanted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    policy = {
        "deadLetterTargetArn": wanted["Attributes"]["QueueArn"],
        "maxReceiveCount": MAX_RECEIVES,
    }
    sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(policy)})


@pytest.fixture(params=["local", "aws"])
def open_queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same queue again and again."""
    opened: list[SqliteQueue] = []

    def local() -> Queue:
        opened.append(SqliteQueue(tmp_path / "queue.db", "work", max_receives=MAX_RECEIVES))
        return opened[-1]

    if request.param == "local":
        yield local
    else:
        name = f"{request.getfixturevalue('stack')}-work"
        make_queue(name)
        yield lambda: SqsQueue(name)
    for queue in opened:
        queue.close()


@pytest.fixture
def queue(open_queue: Open) -> Queue:
    return open_queue()


def drained(queue: Queue) -> list[str]:
    """Receive and acknowledge until nothing is left; the bodies."""
    bodies = []
    while some := queue.receive(10):
        bodies += [message.body for message in some]
        queue.acknowledge([message.receipt for message in some])
    return bodies


def poisoned(queue: Queue, *bodies: str) -> list[Message]:
    """Send messages and receive them until they are dead; the dead letters."""
    queue.send(bodies)
    for _ in range(MAX_RECEIVES):
        received = queue.receive(len(bodies), visibility_s=60)
        assert len(received) == len(bodies)
        for message in received:
            queue.extend(message.receipt, 0)
    assert queue.receive(10) == []
    return queue.dead()


def test_what_is_sent_is_received_once_it_is_there(queue: Queue) -> None:
    """Body, ids and the count of deliveries; many more than one call of a service takes."""
    bodies = [f'{{"n": {n}, "é": "\\u0000"}}' for n in range(25)]
    ids = queue.send(bodies)
    got = queue.receive(100)
    assert sorted(message.body for message in got) == sorted(bodies)
    assert sorted(message.message_id for message in got) == sorted(ids)
    assert len(set(ids)) == 25
    assert {message.receives for message in got} == {1}
    assert all(message.origin_id == message.message_id for message in got)


def test_absence(queue: Queue) -> None:
    """An empty queue gives an empty list, and so does sending nothing."""
    assert queue.receive() == []
    assert queue.send([]) == []
    assert queue.dead() == []
    assert queue.redrive() == 0
    assert queue.discard(["none"]) == 0
    queue.acknowledge([])


def test_a_received_message_is_out_of_sight_until_its_time_has_passed(queue: Queue) -> None:
    """Then it comes again, counted, with another receipt."""
    queue.send(["a"])
    (first,) = queue.receive(visibility_s=1)
    assert queue.receive() == []
    (second,) = wait_for(lambda: queue.receive(visibility_s=60), 10)
    assert (second.message_id, second.receives) == (first.message_id, 2)
    assert second.receipt != first.receipt


def test_extending_hides_and_zero_shows(queue: Queue) -> None:
    """From the moment of the call on."""
    queue.send(["a"])
    (message,) = queue.receive(visibility_s=1)
    queue.extend(message.receipt, 60)
    assert queue.receive(wait_s=2) == []
    queue.extend(message.receipt, 0)
    assert [again.body for again in queue.receive()] == ["a"]


def test_acknowledged_is_gone(queue: Queue) -> None:
    """Twice is as once; its receipt holds nothing any more."""
    queue.send([str(n) for n in range(12)])
    receipts = [message.receipt for message in queue.receive(12, visibility_s=60)]
    queue.acknowledge(receipts)
    queue.acknowledge(receipts)
    with pytest.raises(ConflictError):
        queue.extend(receipts[0], 10)
    assert queue.depth() == type(queue.depth())(0, 0, 0)


def test_a_message_of_the_largest_size_goes_through(queue: Queue) -> None:
    """Several of them, too, although they do not fit into one call."""
    bodies = [str(n) + "x" * (MAX_BODY_BYTES - 1) for n in range(3)]
    queue.send(bodies)
    assert sorted(drained(queue)) == bodies


@pytest.mark.parametrize("body", ["", "a\0b", "\x1b", "\ufffe", "x" * (MAX_BODY_BYTES + 1)])
def test_a_body_that_a_backend_would_refuse_is_refused_by_all(queue: Queue, body: str) -> None:
    """Before any message of the call is sent."""
    with pytest.raises((InvalidError, TooLargeError)):
        queue.send(["good", body])
    assert queue.receive() == []


def test_a_delayed_message_comes_later(queue: Queue) -> None:
    """Not before its time; it counts as waiting."""
    queue.send(["later"], delay_s=1)
    assert queue.receive() == []
    assert queue.depth().waiting == 1
    assert [message.body for message in wait_for(queue.receive, 10)] == ["later"]


def test_a_receiver_is_woken_by_a_message(open_queue: Open) -> None:
    """Waiting ends when there is something, not when the time is over."""
    queue, sender = open_queue(), open_queue()
    got: list[Message] = []
    waiting = threading.Thread(target=lambda: got.extend(queue.receive(wait_s=20)))
    waiting.start()
    sender.send(["a"])
    waiting.join(10)
    assert [message.body for message in got] == ["a"]


def test_two_receivers_share_the_work(open_queue: Open) -> None:
    """Each message is in the hands of one at a time."""
    first, second = open_queue(), open_queue()
    first.send([str(n) for n in range(20)])
    got = [*first.receive(8), *second.receive(20)]
    assert sorted(int(message.body) for message in got) == list(range(20))


def test_poison_becomes_a_dead_letter(queue: Queue) -> None:
    """After so many deliveries it is received no more, and can be looked at again and again."""
    (letter,) = poisoned(queue, "bad")
    assert letter.body == "bad"
    assert [one.message_id for one in queue.dead()] == [letter.message_id]
    assert queue.depth().dead == 1
    assert queue.receive() == []


def test_a_redriven_letter_is_known_by_its_first_id(queue: Queue) -> None:
    """It is received again, counted from zero; ``origin_id`` stays however often it is redriven."""
    (letter,) = poisoned(queue, "bad")
    for _ in range(2):
        assert queue.redrive() == 1
        assert queue.dead() == []
        (again,) = queue.receive(visibility_s=0)
        assert (again.body, again.receives) == ("bad", 1)
        assert again.origin_id == letter.origin_id
        assert len(queue.receive(visibility_s=0)) == 1
        assert queue.receive() == []


def test_chosen_letters_are_redriven_or_discarded(queue: Queue) -> None:
    """The others stay where they are."""
    letters = {letter.body: letter.message_id for letter in poisoned(queue, "a", "b", "c")}
    assert queue.redrive([letters["a"], "none"]) == 1
    assert queue.discard([letters["b"]]) == 1
    assert drained(queue) == ["a"]
    assert [letter.body for letter in queue.dead()] == ["c"]


def test_many_letters_are_redriven(queue: Queue) -> None:
    """More than one call of a service takes."""
    bodies = [str(n) for n in range(23)]
    assert len(poisoned(queue, *bodies)) == 23
    assert len(queue.dead(limit=12)) == 12
    assert queue.redrive() == 23
    assert sorted(drained(queue)) == sorted(bodies)


def test_what_was_sent_survives_a_restart(open_queue: Open) -> None:
    """It is stored when ``send`` returns."""
    open_queue().send(["a"])
    assert drained(open_queue()) == ["a"]


class Failing:
    """SQS that refuses some entries of a batch, for the reason ``code``, so many times."""

    def __init__(self, times: int, code: str = "InternalError", sender_fault: bool = False) -> None:
        self._sqs: Any = client("sqs")
        self._times = times
        self._failure = {"Code": code, "SenderFault": sender_fault}
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sqs, name)

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803
        self.calls += 1
        if self.calls > self._times:
            return self._sqs.send_message_batch(QueueUrl=QueueUrl, Entries=Entries)
        through, refused = Entries[:1], Entries[1:]
        answer = self._sqs.send_message_batch(QueueUrl=QueueUrl, Entries=through)
        return {**answer, "Failed": [{"Id": one["Id"], **self._failure} for one in refused]}


def test_refused_entries_of_a_batch_are_sent_again(stack: str) -> None:
    """Only those, and their ids are in the order of the bodies."""
    make_queue(stack)
    ids = SqsQueue(stack, Failing(times=2)).send([str(n) for n in range(7)])
    got = {message.message_id: message.body for message in SqsQueue(stack).receive(10)}
    assert [got[one] for one in ids] == [str(n) for n in range(7)]


def test_entries_that_go_on_failing_are_told(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's fault may pass later; ours does not, and is not tried again."""
    monkeypatch.setattr("tallybrook.ports.queue.aws.back_off", lambda _: None)
    make_queue(stack)
    with pytest.raises(StorageError):
        SqsQueue(stack, Failing(times=99)).send([str(n) for n in range(10)])
    ours = Failing(times=99, code="InvalidMessageContents", sender_fault=True)
    with pytest.raises(Exception, match="InvalidMessageContents") as caught:
        SqsQueue(stack, ours).send(["a", "b"])
    assert not isinstance(caught.value, StorageError)
    assert ours.calls == 1
