"""Krippendorff's alpha: any number of raters, missing values, three kinds of difference.

Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Literal

Metric = Literal["nominal", "ordinal", "interval"]
Difference = Callable[[float, float], float]


def alpha(units: Sequence[Sequence[float | None]], metric: Metric) -> float | None:
    """``units`` holds each unit's ratings, None where missing, in any order of raters.

    Units with fewer than two ratings cannot be compared and do not count. None where all ratings
    that count are the same: there is nothing to agree about.
    """
    pairable = [[value for value in unit if value is not None] for unit in units]
    pairable = [unit for unit in pairable if len(unit) > 1]
    totals = Counter(value for unit in pairable for value in unit)
    n = totals.total()
    if len(totals) < 2:
        return None
    difference = _difference(metric, totals)
    seen = _differences(totals)
    observed = 0.0
    for unit in pairable:
        if len(unit) == 2:
            observed += 2 * difference(unit[0], unit[1])
        else:
            apart = sum(difference(a, b) for a, b in permutations(unit, 2))
            observed += apart / (len(unit) - 1)
    expected = sum(count * difference(a, b) for (a, b), count in seen.items())
    return 1 - (n - 1) * observed / expected if expected else None


def _differences(totals: Counter[float]) -> dict[tuple[float, float], int]:
    return {(a, b): totals[a] * totals[b] for a in totals for b in totals if a != b}


def _difference(metric: Metric, totals: Counter[float]) -> Difference:
    """The squared difference of two values."""
    if metric == "nominal":
        return lambda a, b: float(a != b)
    if metric == "interval":
        return lambda a, b: (a - b) ** 2
    below: dict[float, float] = {}
    before = 0
    for value in sorted(totals):
        below[value] = before + totals[value] / 2
        before += totals[value]
    return lambda a, b: (below[a] - below[b]) ** 2


def interval_alpha(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Alpha of two raters on numbers, without the square of all distinct values."""
    values = [value for pair in pairs for value in pair]
    n = len(values)
    if n < 2 or min(values) == max(values):
        return None
    mean = sum(values) / n
    # The differences of all ordered pairs sum to 2 n times the squared deviations.
    expected = 2 * n * sum((value - mean) ** 2 for value in values)
    if not expected:  # they differ by less than a square can hold
        return None
    return 1 - (n - 1) * 2 * sum((a - b) ** 2 for a, b in pairs) / expected
