"""Statistics of pairs from sums over them, so that a bootstrap adds up instead of counting. Pure.

The sums of a part and those of another add up to the sums of both. All scores are taken from a
``centre`` near their mean first: sums of squares then lose nothing to cancellation.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from operator import mul, sub
from typing import NamedTuple

from tallybrook.assessments.agreement.numbers import LIMITS_Z, NOISE


class Moments(NamedTuple):
    """Sums over pairs (a, b): how many, a, b, a², b², ab, |a - b|; of their ranks the same, by
    the ranks in the whole sample."""

    n: float
    a: float
    b: float
    aa: float
    bb: float
    ab: float
    absolute: float
    ra: float
    rb: float
    rara: float
    rbrb: float
    rarb: float


NONE = Moments(*[0.0] * 12)
"""Of no pair."""


def moments_of(
    a: Sequence[float], b: Sequence[float], ranks_a: Sequence[float], ranks_b: Sequence[float]
) -> Moments:
    """Of pairs whose scores and ranks are taken from a centre."""
    return Moments(
        len(a), sum(a), sum(b), _products(a, a), _products(b, b), _products(a, b),
        sum(map(abs, map(sub, a, b))), sum(ranks_a), sum(ranks_b),
        _products(ranks_a, ranks_a), _products(ranks_b, ranks_b), _products(ranks_a, ranks_b),
    )  # fmt: skip


def _products(x: Sequence[float], y: Sequence[float]) -> float:
    return float(sum(map(mul, x, y)))


def columns_of(parts: Sequence[Moments]) -> list[tuple[float, ...]]:
    """Each sum over all parts, so that a weighted sum of parts is quick."""
    return list(zip(*parts, strict=True))


def weighted(columns: Sequence[Sequence[float]], times: Sequence[int]) -> Moments:
    """The sums of parts, each taken so many times."""
    return Moments(*(sum(map(mul, times, column)) for column in columns))


def _spread(squares: float, total: float, n: float) -> float:
    """The sum of squared deviations, exactly 0 where it is only noise."""
    spread = squares - total * total / n
    return spread if spread > NOISE * squares else 0.0


def icc(m: Moments) -> float | None:
    """As ``numbers.icc_2_1``."""
    if m.n < 2:
        return None
    grand = (m.a + m.b) / (2 * m.n)
    total = _spread(m.aa + m.bb, m.a + m.b, 2 * m.n)
    if not total:
        return None
    rows = (m.aa + m.bb + 2 * m.ab) / 2 - 2 * m.n * grand * grand
    columns = (m.a - m.b) ** 2 / (2 * m.n)
    rest = max(0.0, total - rows - columns) / (m.n - 1)
    rows /= m.n - 1
    below = rows + rest + 2 * (columns - rest) / m.n
    return (rows - rest) / below if below > NOISE * (rows + rest) else None


def ccc(m: Moments) -> float | None:
    """As ``numbers.ccc``."""
    if not m.n:
        return None
    below = _spread(m.aa, m.a, m.n) + _spread(m.bb, m.b, m.n) + (m.a - m.b) ** 2 / m.n
    return 2 * (m.ab - m.a * m.b / m.n) / below if below else None


def bias(m: Moments) -> float | None:
    return (m.a - m.b) / m.n if m.n else None


def _limit(z: float) -> "Statistic":
    def limit(m: Moments) -> float | None:
        if m.n < 2:
            return None
        spread = _spread(max(0.0, m.aa + m.bb - 2 * m.ab), m.a - m.b, m.n)
        return (m.a - m.b) / m.n + z * sqrt(spread / (m.n - 1))

    return limit


def mae(m: Moments) -> float | None:
    return m.absolute / m.n if m.n else None


def pearson(m: Moments) -> float | None:
    """As ``numbers.pearson``."""
    return _correlation(m.n, m.a, m.b, m.aa, m.bb, m.ab)


def spearman(m: Moments) -> float | None:
    """As ``numbers.spearman``; of a part, with the ranks of the whole sample."""
    return _correlation(m.n, m.ra, m.rb, m.rara, m.rbrb, m.rarb)


def _correlation(n: float, a: float, b: float, aa: float, bb: float, ab: float) -> float | None:
    below = _spread(aa, a, n) * _spread(bb, b, n) if n else 0.0
    if not below:
        return None
    return max(-1.0, min(1.0, (ab - a * b / n) / sqrt(below)))


def interval_alpha(m: Moments) -> float | None:
    """As ``alpha.interval_alpha``."""
    if not m.n:
        return None
    expected = _spread(m.aa + m.bb, m.a + m.b, 2 * m.n)
    apart = max(0.0, m.aa + m.bb - 2 * m.ab)
    return 1 - (2 * m.n - 1) * apart / (2 * m.n * expected) if expected else None


Statistic = Callable[[Moments], float | None]

STATISTICS: dict[str, Statistic] = {
    "icc": icc,
    "ccc": ccc,
    "bias": bias,
    "loa_lower": _limit(-LIMITS_Z),
    "loa_upper": _limit(LIMITS_Z),
    "mae": mae,
    "pearson": pearson,
    "spearman": spearman,
    "krippendorff_alpha": interval_alpha,
}
