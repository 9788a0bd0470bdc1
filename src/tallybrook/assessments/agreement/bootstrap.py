"""Percentile bootstrap: how far a statistic moves when the pairs are drawn again."""

import random
from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor
from typing import TypeVar

T = TypeVar("T")
Statistic = Callable[[Sequence[T]], float | None]

RESAMPLES = 1000
MOST_DRAWS = 2_000_000
FEWEST = 100


def resamples_for(n: int, wanted: int = RESAMPLES) -> int:
    """How often to draw ``n`` pairs again so that it stays a matter of seconds."""
    return max(min(wanted, FEWEST), min(wanted, MOST_DRAWS // max(1, n)))


def intervals(
    pairs: Sequence[T], statistics: Mapping[str, Statistic[T]], *, resamples: int, seed: int
) -> dict[str, tuple[float, float] | None]:
    """The 95 % interval of each statistic; None where most resamples leave it undefined.

    The same pairs and seed give the same intervals.
    """
    draw = random.Random(seed)
    found: dict[str, list[float | None]] = {name: [] for name in statistics}
    for _ in range(resamples if len(pairs) > 1 else 0):
        sample = draw.choices(pairs, k=len(pairs))
        for name, statistic in statistics.items():
            found[name].append(statistic(sample))
    return {name: middle(values) for name, values in found.items()}


def middle(values: Sequence[float | None]) -> tuple[float, float] | None:
    """The middle 95 % of what resamples gave; None where most of them gave nothing."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered or 2 * len(ordered) <= len(values):
        return None
    return _quantile(ordered, 0.025), _quantile(ordered, 0.975)


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low, high = ordered[floor(place)], ordered[ceil(place)]
    return low + (high - low) * (place - floor(place))
