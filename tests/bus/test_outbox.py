"""The outbox of the embedded bus: what a subscriber is owed, and for how long."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallybrook.errors import InvalidError, RetryableError, StorageError
from tallybrook.ports.bus import Notice
from tallybrook.ports.bus.local import KEPT_S, LocalBus


class Clock:
    """Microseconds that move when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += int(seconds * 1e6)


class Receiver:
    """A subscriber that fails with ``error`` while there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[str] = []
        self.lost: list[tuple[str, str, int]] = []

    def handle(self, notice: Notice) -> None:
        self.calls.append(notice.notice_id)
        if self.error is not None:
            raise self.error

    def give_up(self, notice: Notice, why: str, tries: int) -> None:
        self.lost.append((notice.notice_id, why, tries))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus(tmp_path: Path, clock: Clock) -> Iterator[LocalBus]:
    bus = LocalBus(tmp_path / "bus.db", clock=clock)
    yield bus
    bus.close()


def notices(*names: str) -> list[Notice]:
    return [Notice(notice_id=name, kind="a.b", account_id="acme", at=5) for name in names]


def test_what_failed_comes_again_later_and_does_not_hold_up_the_others(
    bus: LocalBus, clock: Clock
) -> None:
    """Pauses grow; a notice published meanwhile is delivered at once."""
    receiver = Receiver(StorageError("away"))
    bus.subscribe("hook", receiver.handle, receiver.give_up)
    bus.publish(notices("a"))
    assert (bus.deliver(), bus.deliver()) == (1, 0)
    receiver.error = None
    bus.publish(notices("b"))
    bus.deliver()
    assert receiver.calls == ["a", "b"]
    clock.pass_s(1.1)
    bus.deliver()
    assert receiver.calls == ["a", "b", "a"]
    assert bus.waiting("hook") == 0


def test_a_pause_that_the_receiver_asked_for_is_kept(bus: LocalBus, clock: Clock) -> None:
    """``retry_after_s`` of the error, where it is longer than ours."""
    receiver = Receiver(RetryableError("slow down", retry_after_s=60))
    bus.subscribe("hook", receiver.handle, receiver.give_up)
    bus.publish(notices("a"))
    bus.deliver()
    clock.pass_s(59)
    assert bus.deliver() == 0
    clock.pass_s(2)
    assert bus.deliver() == 1


def test_what_never_succeeds_is_handed_over(bus: LocalBus, clock: Clock) -> None:
    """After the tries that were allowed, with the last reason; nothing is owed any more."""
    receiver = Receiver(StorageError("away"))
    bus.subscribe("hook", receiver.handle, receiver.give_up, max_tries=3)
    bus.publish(notices("a"))
    for _ in range(10):
        bus.deliver()
        clock.pass_s(1000)
    assert receiver.calls == ["a"] * 3
    assert receiver.lost == [("a", "away", 3)]
    assert bus.waiting("hook") == 0


def test_a_final_refusal_is_handed_over_at_once(bus: LocalBus) -> None:
    """A terminal error is not tried again."""
    receiver = Receiver(InvalidError("no"))
    bus.subscribe("hook", receiver.handle, receiver.give_up)
    bus.publish(notices("a"))
    bus.deliver()
    assert receiver.lost == [("a", "no", 1)]


def test_a_delivery_that_crashes_is_a_counted_try(
    bus: LocalBus, clock: Clock, tmp_path: Path
) -> None:
    """The notice comes again in the next process, and not for ever."""
    receiver = Receiver(ZeroDivisionError())
    bus.publish(notices("before"))
    bus.subscribe("hook", receiver.handle, receiver.give_up, max_tries=2)
    bus.publish(notices("a"))
    for _ in range(2):
        again = LocalBus(tmp_path / "bus.db", clock=clock)
        again.subscribe("hook", receiver.handle, receiver.give_up, max_tries=2)
        with pytest.raises(ZeroDivisionError):
            again.deliver()
        again.close()
        clock.pass_s(10)
    bus.deliver()
    assert receiver.calls == ["a", "a"]
    assert receiver.lost == [("a", "it never came back", 2)]


def test_a_handover_that_fails_is_made_again(bus: LocalBus, clock: Clock) -> None:
    """What nobody has taken is still owed."""
    receiver = Receiver(InvalidError("no"))

    def broken(*_: object) -> None:
        raise StorageError("the disk is full")

    bus.subscribe("hook", receiver.handle, broken)
    bus.publish(notices("a"))
    with pytest.raises(StorageError):
        bus.deliver()
    bus.subscribe("hook", receiver.handle, receiver.give_up)
    clock.pass_s(10)
    bus.deliver()
    assert [name for name, _, _ in receiver.lost] == ["a"]


def test_subscribers_do_not_hinder_each_other(bus: LocalBus) -> None:
    """Each has its own position and its own failures."""
    good, bad = Receiver(), Receiver(StorageError("away"))
    bus.subscribe("bad", bad.handle, bad.give_up)
    bus.subscribe("good", good.handle, good.give_up)
    bus.publish(notices("a", "b"))
    bus.deliver()
    assert good.calls == bad.calls == ["a", "b"]
    assert (bus.waiting("good"), bus.waiting("bad")) == (0, 2)


def test_one_process_publishes_while_another_delivers(
    bus: LocalBus, clock: Clock, tmp_path: Path
) -> None:
    """A subscriber goes on where it was, also after a time in which nobody listened."""
    receiver = Receiver()
    bus.subscribe("hook", receiver.handle, receiver.give_up)
    bus.publish(notices("a"))
    bus.deliver()
    other = LocalBus(tmp_path / "bus.db", clock=clock)
    other.publish(notices("b"))
    other.subscribe("hook", receiver.handle, receiver.give_up)
    other.deliver()
    other.close()
    assert receiver.calls == ["a", "b"]


def test_an_id_is_delivered_once_while_it_is_remembered(bus: LocalBus, clock: Clock) -> None:
    """A week; after that the outbox has forgotten it, and numbers are not given again."""
    receiver = Receiver()
    bus.subscribe("hook", receiver.handle, receiver.give_up)
    for _ in range(2):
        bus.publish(notices("a"))
        bus.deliver()
    assert receiver.calls == ["a"]
    clock.pass_s(KEPT_S + 1)
    bus.deliver()
    bus.publish(notices("a", "b"))
    bus.deliver()
    assert receiver.calls == ["a", "a", "b"]


def test_nothing_is_forgotten_that_is_owed(bus: LocalBus, clock: Clock) -> None:
    """However old it is."""
    receiver = Receiver()
    bus.subscribe("hook", receiver.handle, receiver.give_up)
    bus.publish(notices("a"))
    clock.pass_s(2 * KEPT_S)
    bus.deliver(limit=0)
    bus.deliver()
    assert receiver.calls == ["a"]


def test_an_unsubscribed_name_is_owed_nothing(bus: LocalBus) -> None:
    """And a new subscriber of the name begins now."""
    receiver = Receiver(StorageError("away"))
    bus.subscribe("hook", receiver.handle, receiver.give_up)
    bus.publish(notices("a"))
    bus.deliver()
    bus.unsubscribe("hook")
    bus.publish(notices("b"))
    bus.subscribe("hook", receiver.handle, receiver.give_up)
    bus.deliver()
    assert (receiver.calls, bus.waiting("hook"), bus.waiting("nobody")) == (["a"], 0, 0)


def test_reading_along(bus: LocalBus, tmp_path: Path, clock: Clock) -> None:
    """Whoever reads along, in another process too, gets every notice once, in numbers that rise
    and are never given twice; nobody is owed less for it."""
    other = LocalBus(tmp_path / "bus.db", clock=clock)
    try:
        assert (other.head(), other.published(0)) == (0, [])
        bus.publish(notices("a", "b"))
        bus.publish(notices("b", "c"))
        found = other.published(0)
        assert [one.notice_id for _, one in found] == ["a", "b", "c"]
        assert [seq for seq, _ in found] == sorted({seq for seq, _ in found})
        assert found[-1][0] == other.head()
        assert other.published(found[0][0], limit=1) == found[1:2]
        clock.pass_s(KEPT_S + 1)
        bus.deliver()
        assert (other.published(0), other.head()) == ([], found[-1][0])
        bus.publish(notices("a"))
        assert [one.notice_id for _, one in other.published(found[-1][0])] == ["a"]
    finally:
        other.close()
