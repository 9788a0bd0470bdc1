"""Identities made here."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from tallybrook.events.ids import UlidFactory, content_id

ALPHABET = set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_ulids_rise_and_carry_their_time() -> None:
    """ULIDs have 26 characters, rise within a process even in one millisecond, and sort by time."""
    make = UlidFactory()
    made = [make(1_700_000_000_000_000 + i // 50) for i in range(5_000)]
    assert made == sorted(set(made))
    assert all(len(ulid) == 26 and set(ulid) <= ALPHABET for ulid in made)
    assert made[0][:10] == "01HF7YAT00"


def test_ulids_rise_when_the_clock_steps_back() -> None:
    """A clock that steps back does not make ids fall."""
    make = UlidFactory()
    made = [make(now) for now in (5_000_000, 9_000_000, 1_000_000, 9_000_000, 2_000_000)]
    assert made == sorted(set(made))


def test_ulids_are_unique_across_threads() -> None:
    """Eight threads at one factory never get the same id, and each sees its own ids rise."""
    make = UlidFactory()
    made: list[list[str]] = [[] for _ in range(8)]

    def work(mine: list[str]) -> None:
        mine += [make(1_700_000_000_000_000) for _ in range(2_000)]

    threads = [threading.Thread(target=work, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({ulid for mine in made for ulid in mine}) == 16_000
    assert all(mine == sorted(mine) for mine in made)


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_content_ids_depend_on_the_parts(one: list[str], other: list[str]) -> None:
    """Equal parts give equal ids, and parts cannot run together."""
    assert (content_id(*one) == content_id(*other)) == (one == other)


def test_content_id_is_for_ever() -> None:
    """The id of a content never changes from version to version."""
    assert content_id("a", b"b") == content_id("a", "b") == "4fc56058b4df0ca122be9a2e429541d6"
