"""How scores are spread in groups of people, small cells withheld. Pure.

Each person counts once, with their latest score. What fewer than k people are behind is null:
whole groups, scales, cells of a histogram, and quantiles with fewer than k people on either side.
There is no figure over all groups, so none can be found by subtraction from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, quantiles, stdev

from tallybrook.assessments.flow.shapes import Distributions, Group, GroupBy, Latest, Spread
from tallybrook.privacy.suppressing import suppress

CELLS = 10
"""Of a histogram: 0 up to 10, 10 up to 20 ... 90 to 100."""

QUANTILES = {"p10": 0.10, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p90": 0.90}
_DIGITS = 2
"""Of what is given out: more would tell of single answers."""


def distributions(
    people: Iterable[Latest], group_by: GroupBy, assessment_type: str, k: int, *, complete: bool
) -> Distributions:
    """The distributions of one inventory's scores. People without scores are left out."""
    by_value: dict[str | None, list[Latest]] = {}
    for one in people:
        if one.assessment_type == assessment_type and any(
            score is not None for score in one.domains.values()
        ):
            by_value.setdefault(getattr(one, group_by), []).append(one)
    gone = suppress({(value,): len(found) for value, found in by_value.items()}, k)
    shown = sorted((value for value in by_value if (value,) not in gone), key=_order)
    groups = [_group(value, by_value[value], k) for value in shown]
    return Distributions(group_by, assessment_type, k, complete, len(gone), groups)


def _order(value: str | None) -> tuple[bool, str]:
    return value is None, value or ""


def _group(value: str | None, people: Sequence[Latest], k: int) -> Group:
    return Group(
        value, len(people), _spreads([one.domains for one in people], k),
        _spreads([one.facets for one in people], k),
    )  # fmt: skip


def _spreads(rows: Sequence[Mapping[str, float | None]], k: int) -> dict[str, Spread]:
    return {name: spread([row.get(name) for row in rows], k) for name in rows[0]}


def spread(scores: Iterable[float | None], k: int) -> Spread:
    """The distribution of scores from 0 to 100; None is no score."""
    known = sorted(score for score in scores if score is not None)
    if len(known) < max(k, 2):
        return Spread(None, None, None, dict.fromkeys(QUANTILES), [None] * CELLS)
    # By hundredths, between neighbours: the inclusive method, as of whole populations.
    cuts = quantiles(known, n=100, method="inclusive")
    return Spread(
        len(known), round(fmean(known), _DIGITS), round(stdev(known), _DIGITS),
        {
            name: round(cuts[round(share * 100) - 1], _DIGITS)
            if len(known) * min(share, 1 - share) >= k else None
            for name, share in QUANTILES.items()
        },
        _histogram(known, k),
    )  # fmt: skip


def _histogram(known: Sequence[float], k: int) -> list[int | None]:
    counts = [0] * CELLS
    for score in known:
        counts[min(int(score * CELLS / 100), CELLS - 1)] += 1
    # An empty cell is about nobody: it is shown, and hides nobody either.
    gone = suppress({(str(cell),): count for cell, count in enumerate(counts) if count}, k)
    return [None if (str(cell),) in gone else count for cell, count in enumerate(counts)]
