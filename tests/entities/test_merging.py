"""Merging facts: in any order, any grouping, any number of times."""

from functools import reduce
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from tallybrook.entities.facts import Fact, Told, decode, encode, merge

values = st.sampled_from([0, 0.0, 1, 1.0, True, False, "", "a", 2.5])
told = st.builds(Told, st.integers(0, 3), values)
facts = st.builds(
    Fact,
    st.integers(0, 3),
    st.integers(0, 3),
    st.dictionaries(st.sampled_from("ab"), told, max_size=2),
)


@given(st.lists(facts, min_size=1, max_size=3))
def test_order_and_repetition_are_nothing(tellings: list[Fact]) -> None:
    """The bytes that are stored are the same, whatever way they came about."""
    expected = encode(reduce(merge, tellings))
    for order in permutations(tellings):
        assert encode(reduce(merge, order)) == expected
        assert encode(merge(order[0], reduce(merge, order))) == expected
        assert encode(reduce(lambda a, b: merge(b, a), order)) == expected
    assert encode(decode(expected)) == expected
