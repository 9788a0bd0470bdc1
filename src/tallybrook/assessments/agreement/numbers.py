"""Agreement of two raters on numbers. Pairs are (a, b), both present."""

from collections.abc import Callable, Sequence
from math import sqrt
from statistics import fmean, stdev

Pair = tuple[float, float]
Pairs = Sequence[Pair]
LIMITS_Z = 1.96
NOISE = 1e-12
"""Of sums of squares: less than so much of one is a rounding error."""


def icc_2_1(pairs: Pairs) -> float | None:
    """Intraclass correlation, two-way random effects, absolute agreement, one rater
    (Shrout & Fleiss, 1979, case 2). None with fewer than two subjects or without variance."""
    return icc_2_1_of(pairs)


def icc_2_1_of(ratings: Sequence[Sequence[float]]) -> float | None:
    """The same for any number of raters: ``ratings`` has shape (subjects, raters)."""
    n = len(ratings)
    k = len(ratings[0]) if n else 0
    if n < 2 or k < 2:
        return None
    everything = [value for row in ratings for value in row]
    if min(everything) == max(everything):
        return None
    grand = fmean(everything)
    rows = k * sum((fmean(row) - grand) ** 2 for row in ratings) / (n - 1)
    columns = n * sum((fmean(column) - grand) ** 2 for column in zip(*ratings, strict=True))
    total = sum((value - grand) ** 2 for value in everything)
    rest = max(0.0, total - rows * (n - 1) - columns) / ((n - 1) * (k - 1))
    below = rows + (k - 1) * rest + k * (columns / (k - 1) - rest) / n
    # Of two subjects, raters may differ so that nothing but rounding is left below.
    return (rows - rest) / below if below > NOISE * (rows + rest) else None


def ccc(pairs: Pairs) -> float | None:
    """Lin's concordance correlation (1989), with variances over n. None where nothing varies."""
    if not pairs:
        return None
    a, b = zip(*pairs, strict=True)
    mean_a, mean_b = fmean(a), fmean(b)
    below = _spread(a, a) + _spread(b, b) + len(pairs) * (mean_a - mean_b) ** 2
    return 2 * _spread(a, b) / below if below else None


def _spread(x: Sequence[float], y: Sequence[float]) -> float:
    """The sum of products of deviations; exactly 0 for a series that does not vary."""
    if min(x) == max(x) or min(y) == max(y):
        return 0.0
    mean_x, mean_y = fmean(x), fmean(y)
    return sum((p - mean_x) * (q - mean_y) for p, q in zip(x, y, strict=True))


def bias(pairs: Pairs) -> float | None:
    """The mean of a - b."""
    return fmean(a - b for a, b in pairs) if pairs else None


def loa_lower(pairs: Pairs) -> float | None:
    """The lower limit of agreement (Bland & Altman, 1986): bias - 1.96 SD of the differences."""
    return _limit(pairs, -LIMITS_Z)


def loa_upper(pairs: Pairs) -> float | None:
    """The upper limit of agreement: bias + 1.96 SD of the differences."""
    return _limit(pairs, LIMITS_Z)


def _limit(pairs: Pairs, z: float) -> float | None:
    if len(pairs) < 2:
        return None
    differences = [a - b for a, b in pairs]
    return fmean(differences) + z * stdev(differences)


def mae(pairs: Pairs) -> float | None:
    """The mean of |a - b|."""
    return fmean(abs(a - b) for a, b in pairs) if pairs else None


def pearson(pairs: Pairs) -> float | None:
    """The product-moment correlation; None unless both vary."""
    if not pairs:
        return None
    a, b = zip(*pairs, strict=True)
    below = sqrt(_spread(a, a) * _spread(b, b))
    return max(-1.0, min(1.0, _spread(a, b) / below)) if below else None


def spearman(pairs: Pairs) -> float | None:
    """The correlation of ranks, ties at their mean rank; None unless both vary."""
    if not pairs:
        return None
    a, b = zip(*pairs, strict=True)
    return pearson(list(zip(ranks(a), ranks(b), strict=True)))


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1, equal values at the mean of their places."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end < len(order) and values[order[end]] == values[order[at]]:
            end += 1
        for place in order[at:end]:
            found[place] = (at + 1 + end) / 2
        at = end
    return found


STATISTICS: dict[str, Callable[[Pairs], float | None]] = {
    "icc": icc_2_1,
    "ccc": ccc,
    "bias": bias,
    "loa_lower": loa_lower,
    "loa_upper": loa_upper,
    "mae": mae,
    "pearson": pearson,
    "spearman": spearman,
}
REASONS = {
    "icc": "needs two pairs and some variance",
    "ccc": "nothing varies and both are the same",
    "loa_lower": "needs two pairs",
    "loa_upper": "needs two pairs",
    "pearson": "one of the two does not vary",
    "spearman": "one of the two does not vary",
}
