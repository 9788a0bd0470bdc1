"""Counting in the commit: what an insert, a move and a delete do to the buckets (SPEC 2)."""

from tallybrook.events.instants import format_instant
from tests.counters.world import World, delete, event, put, us

AT = us("2024-01-19T14:37:23Z")
LATER = us("2024-01-19T15:01:00Z")


def buckets(world: World, kind: str = "record") -> dict[tuple[int, str], int]:
    return {
        (minutes, format_instant(start * 1_000_000)[11:16]): count
        for (_, k, _, minutes, start), count in world.counters.everything(None)
        if k == kind
    }


def test_an_insert_counts_in_four_sizes(world: World) -> None:
    """One record, one bucket of each size."""
    world.write(put("a", AT))
    assert buckets(world) == {(1, "14:37"): 1, (5, "14:35"): 1, (15, "14:30"): 1, (60, "14:00"): 1}


def test_a_moved_time_moves_the_count(world: World) -> None:
    """The old image is taken out where it was counted, the new one put in; zeros stay stored."""
    world.write(put("a", AT))
    assert world.write(put("a", LATER)).records == ["updated"]
    assert buckets(world) == {
        (1, "14:37"): 0, (5, "14:35"): 0, (15, "14:30"): 0, (60, "14:00"): 0,
        (1, "15:01"): 1, (5, "15:00"): 1, (15, "15:00"): 1, (60, "15:00"): 1,
    }  # fmt: skip


def test_a_move_within_the_hour(world: World) -> None:
    """Only the buckets that differ change."""
    world.write(put("a", AT))
    world.write(put("a", us("2024-01-19T14:39:00Z")))
    assert buckets(world) == {
        (1, "14:37"): 0, (1, "14:39"): 1, (5, "14:35"): 1, (15, "14:30"): 1, (60, "14:00"): 1,
    }  # fmt: skip


def test_a_delete_takes_the_count_out(world: World) -> None:
    """And deleting what is not there does nothing."""
    world.write(put("a", AT), put("b", AT))
    assert world.write(delete("a"), delete("a"), delete("z")).records == [
        "deleted", "absent", "absent",
    ]  # fmt: skip
    assert set(buckets(world).values()) == {1}


def test_the_same_record_again_changes_nothing(world: World) -> None:
    """Put twice is counted once, in one write and in two; nothing is logged of the second."""
    assert world.write(put("a", AT), put("a", AT)).records == ["created", "unchanged"]
    head = world.log.head
    assert world.write(put("a", AT)).records == ["unchanged"]
    assert world.log.head == head
    assert set(buckets(world).values()) == {1}


def test_losing_and_getting_a_time(world: World) -> None:
    """A record without an instant is in no bucket; it enters with its first and leaves again."""
    world.write(put("a", None))
    assert buckets(world) == {}
    world.write(put("a", AT))
    assert set(buckets(world).values()) == {1}
    world.write(put("a", None))
    assert set(buckets(world).values()) == {0}
    assert world.stored() == {}


def test_put_delete_put_in_one_write(world: World) -> None:
    """Changes of one record in one write apply in their order."""
    done = world.write(put("a", AT), delete("a"), put("a", LATER), put("a", AT)).records
    assert done == ["created", "deleted", "created", "updated"]
    assert {key: n for key, n in buckets(world).items() if n} == {
        (1, "14:37"): 1, (5, "14:35"): 1, (15, "14:30"): 1, (60, "14:00"): 1,
    }  # fmt: skip


def test_a_record_and_its_neighbours(world: World) -> None:
    """The same id of another type, or in another account, is another record."""
    world.write(put("a", AT), put("a", AT, "tasks"), put("a", AT, "items", "rival"))
    world.write(delete("a"))
    assert {(key[0], key[2]) for key in world.stored()} == {("acme", "tasks"), ("rival", "items")}


def test_a_duplicate_event_is_counted_once(world: World) -> None:
    """The second event of an id is not counted, also where its time or type differs."""
    world.write(event("e", AT), event("e", LATER), event("e", AT, "click"))
    assert world.write(event("e", LATER)).duplicate == [True]
    world.reopen()
    assert world.write(event("e", LATER)).duplicate == [True]
    assert buckets(world, "event") == {
        (1, "14:37"): 1, (5, "14:35"): 1, (15, "14:30"): 1, (60, "14:00"): 1,
    }  # fmt: skip


def test_an_event_and_a_record_of_one_name(world: World) -> None:
    """The kind keeps two series of one name apart."""
    world.write(event("e", AT, "items"), put("a", AT, "items"))
    assert set(buckets(world).values()) == set(buckets(world, "event").values()) == {1}


def test_years_1_and_9999(world: World) -> None:
    """The ends of the calendar are counted in their buckets."""
    world.write(event("a", us("0001-01-01")), event("b", us("9999-12-31T23:59:59.999999Z")))
    assert sorted(world.stored().values()) == [1] * 8
    assert world.recount().differences == []
