"""How small the smallest group is, counted in people, and which cells may not be published."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.errors import InvalidError
from tallybrook.privacy.kanonymity import (
    COLUMNS,
    Cell,
    CellCount,
    Tally,
    anonymised_row,
    raw_row,
)
from tallybrook.privacy.library import built_in
from tallybrook.privacy.suppressing import suppress

WORDS = built_in()
A: Cell = ("21-30", "retail", "contributor", "0-2", "europe")
B: Cell = ("31-40", None, "management", "5-10", "asia")


def tally(rows: list[tuple[Cell, str | None]]) -> Tally:
    made = Tally()
    for cell, who in rows:
        made.add(cell, who)
    return made


def test_people_are_counted_not_rows() -> None:
    """A cell of twelve rows of one person hides nobody; who is not named is one person a row."""
    rows = [(A, "jane")] * 12 + [(B, f"p{n}") for n in range(10)] + [(B, None), (B, None)]
    report = tally(rows).report()
    assert (report.k, report.rows, report.people, report.cells) == (1, 24, 13, 2)
    assert (report.cells_below, report.rows_below, report.people_below) == (1, 12, 1)
    assert report.worst == [CellCount(dict(zip(COLUMNS, A, strict=True)), 1, 12)]


def test_no_rows() -> None:
    """There is no k, and the reason is said."""
    report = Tally().report()
    assert report.k is None
    assert report.reason == "there are no rows"


cells = st.tuples(*[st.sampled_from([None, "x", "y"])] * 2).map(lambda two: (*two, *A[2:]))
people = st.none() | st.sampled_from("abcdef")


@given(st.lists(st.tuples(cells, people)), st.integers(1, 6))
def test_the_report_is_what_counting_from_scratch_gives(
    rows: list[tuple[Cell, str | None]], threshold: int
) -> None:
    """For any rows, and the worst cells are the smallest below the threshold."""
    report = tally(rows).report(threshold, worst=3)
    named = [(cell, who or f"#{at}") for at, (cell, who) in enumerate(rows)]
    sizes = {cell: len({who for c, who in named if c == cell}) for cell, _ in named}
    below = {cell for cell, size in sizes.items() if size < threshold}
    assert report.k == min(sizes.values(), default=None)
    assert (report.rows, report.people) == (len(rows), len({who for _, who in named}))
    assert (report.cells, report.cells_below) == (len(sizes), len(below))
    assert report.rows_below == sum(cell in below for cell, _ in named)
    assert report.people_below == len({who for cell, who in named if cell in below})
    listed = [tuple(found.cell.values()) for found in report.worst]
    assert set(listed) <= below
    assert [found.people for found in report.worst] == sorted(sizes[c] for c in below)[:3]


def test_rows_of_both_kinds_have_the_same_cell() -> None:
    """A raw assessment is in the cell that it will be in, under the name of one person."""
    raw = {
        "userId": " Zoe\u0308 ",
        "demographics": {
            "age": 25, "industry": "Retail", "role": "clerk", "yearsExperience": 1, "country": "FR",
        },
    }  # fmt: skip
    assert raw_row(raw, WORDS) == (A, "Zoë")
    assert raw_row(raw | {"userId": 17}, WORDS) == (A, "17")
    row = dict(zip(COLUMNS, A, strict=True)) | {"anonymous_user_id": "k_1"}
    assert anonymised_row(row, WORDS) == (A, "k_1")
    assert raw_row({}, WORDS) == ((None,) * 5, None)


@pytest.mark.parametrize(
    "row",
    [{}, {"role": "Jane Roe"}, {"region": ["europe"]}, {"age_range": 34}, {"demographics": {}}],
)
def test_what_is_no_anonymised_row_is_refused(row: dict[str, object]) -> None:
    """And not quoted."""
    with pytest.raises(InvalidError) as error:
        anonymised_row(row, WORDS)
    assert "Jane" not in error.value.detail


def test_small_cells_are_withheld() -> None:
    """And the smallest other one, where a single withheld cell could be found by subtraction."""
    people = {("a",): 4, ("b",): 50, ("c",): 30, ("d",): 90}
    assert suppress(people, 10) == {("a",), ("c",)}
    assert suppress(people, 4) == set()
    assert suppress({**people, ("e",): 7}, 10) == {("a",), ("e",)}
    assert suppress({("a",): 4, ("b",): 5, ("c",): 30}, 10) == {("a",), ("b",), ("c",)}
    assert suppress({("a",): 0, ("b",): 20, ("c",): 30}, 10) == {("a",), ("b",)}
    assert suppress({("a",): 3}, 10) == {("a",)}
    assert suppress({}, 10) == set()


tables = st.integers(1, 3).flatmap(
    lambda dimensions: st.dictionaries(
        st.tuples(*[st.sampled_from("abcd")] * dimensions), st.integers(0, 40), max_size=30
    )
)


@given(tables, st.integers(1, 15))
def test_no_line_gives_a_small_cell_away(people: dict[tuple[str | None, ...], int], k: int) -> None:
    """What is published is k or more; in every line either nothing is withheld, or at least two
    cells with k people together, or all of it."""
    withheld = suppress(people, k)
    assert withheld <= people.keys()
    assert all(count >= k for key, count in people.items() if key not in withheld)
    assert withheld or all(count >= k for count in people.values())
    for key, at in product(people, range(len(next(iter(people), ())))):
        line = [
            other for other in people if other[:at] + other[at + 1 :] == key[:at] + key[at + 1 :]
        ]
        gone = [other for other in line if other in withheld]
        enough = len(gone) > 1 and sum(people[other] for other in gone) >= k
        assert not gone or enough or len(gone) == len(line)
