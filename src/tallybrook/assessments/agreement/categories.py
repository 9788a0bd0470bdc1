"""Agreement of two raters on categories. Pairs are places in the declared list, both present."""

from collections import Counter
from collections.abc import Callable, Sequence

Pair = tuple[int, int]
Pairs = Sequence[Pair]


def percent_agreement(pairs: Pairs) -> float | None:
    """The share of pairs that are equal, 0 to 1."""
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else None


def quadratic_kappa(pairs: Pairs, size: int) -> float | None:
    """Cohen's kappa (1968) with quadratic weights over ``size`` ordered categories.

    None where both raters used one and the same category only: chance then explains everything.
    """
    return weighted_kappa(pairs, lambda a, b: (a - b) ** 2) if size > 1 else None


def weighted_kappa(pairs: Pairs, apart: Callable[[int, int], float]) -> float | None:
    """Cohen's kappa (1968) with any weights of disagreement; 0 for equal categories."""
    n = len(pairs)
    if not n:
        return None
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    observed = sum(apart(a, b) for a, b in pairs) / n
    expected = sum(apart(i, j) * p * q for i, p in first.items() for j, q in second.items()) / (
        n * n
    )
    return 1 - observed / expected if expected else None


def gwet_ac2(pairs: Pairs, size: int) -> float | None:
    """Gwet's AC2 with quadratic weights, for two raters (Gwet, 2014). None below two categories."""
    n = len(pairs)
    if not n or size < 2:
        return None
    widest = (size - 1) ** 2
    agreed = sum(1 - (a - b) ** 2 / widest for a, b in pairs) / n
    weights = sum(1 - (i - j) ** 2 / widest for i in range(size) for j in range(size))
    used = Counter(place for pair in pairs for place in pair)
    share = [used[place] / (2 * n) for place in range(size)]
    chance = weights / (size * (size - 1)) * sum(p * (1 - p) for p in share)
    return (agreed - chance) / (1 - chance) if chance != 1 else None
