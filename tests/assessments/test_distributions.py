"""Scores by group: no figure has fewer than k people behind it, and none can be worked out."""

import random
from statistics import fmean, median, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.assessments.flow.distributions import CELLS, distributions, spread
from tallybrook.assessments.flow.shapes import Latest


def person(number: int, industry: str | None, score: float | None) -> Latest:
    return Latest(
        timestamp="2026-01-01T00:00:00Z", assessment_id=f"a{number}", content="c",
        assessment_type="ocean-120", age_range=None, industry=industry, role=None, experience=None,
        region=None, domains={"openness": score}, facets={"intellect": score},
    )  # fmt: skip


def test_figures_of_a_group() -> None:
    """Mean, deviation, quantiles and histogram are those of its scores."""
    draw = random.Random(1)
    scores = [draw.uniform(40, 60) for _ in range(200)]
    people = [person(number, "media", score) for number, score in enumerate(scores)]
    found = distributions(people, "industry", "ocean-120", 10, complete=True)
    (group,) = found.groups
    assert (group.value, group.people, found.withheld) == ("media", 200, 0)
    one = group.domains["openness"]
    assert one == group.facets["intellect"]
    assert one.mean == pytest.approx(fmean(scores), abs=0.005)
    assert one.std_dev == pytest.approx(stdev(scores), abs=0.005)
    assert one.quantiles["p50"] == pytest.approx(median(scores), abs=0.005)
    low = sum(score < 50 for score in scores)
    assert one.histogram == [0, 0, 0, 0, low, 200 - low, 0, 0, 0, 0]


@given(
    st.lists(st.floats(0, 100) | st.sampled_from([0.0, 50.0, 100.0]), max_size=80),
    st.integers(2, 12),
)  # fmt: skip
def test_no_small_cells(scores: list[float], k: int) -> None:
    """Each figure has k people behind it; what is withheld of a histogram is k people or more, in
    two cells or more, or all of it."""
    found = spread(scores, k)
    if len(scores) < k:
        assert (found.people, found.mean, found.std_dev) == (None, None, None)
    else:
        assert found.people == len(scores)
        shown = [cell for cell in found.histogram if cell is not None]
        assert all(cell >= k or cell == 0 for cell in shown)
        hidden = CELLS - len(shown)
        assert hidden == 0 or (hidden > 1 and len(scores) - sum(shown) >= k) or not any(shown)
    for name, value in found.quantiles.items():
        share = int(name[1:]) / 100
        if value is not None:
            assert len(scores) * min(share, 1 - share) >= k


def test_groups_that_are_too_small_are_not_named() -> None:
    """Nor is another one, where the small one could be told from the total."""
    people = [
        person(number, industry, 50.0)
        for number, industry in enumerate(["media"] * 30 + ["legal"] * 12 + ["mining"] * 3)
    ]
    found = distributions(people, "industry", "ocean-120", 10, complete=False)
    assert [group.value for group in found.groups] == ["media"]
    assert (found.withheld, found.complete) == (2, False)
    assert distributions([], "role", "ocean-120", 10, complete=True).groups == []
    unscored = [person(number, "media", None) for number in range(40)]
    assert distributions(unscored, "industry", "ocean-120", 10, complete=True).groups == []
    assert distributions(people, "industry", "ocean-300", 10, complete=True).groups == []
