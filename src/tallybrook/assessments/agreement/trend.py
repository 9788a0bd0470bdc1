"""Agreement period by period, to be drawn. Pure."""

from collections.abc import Callable, Sequence
from math import sqrt
from statistics import fmean, variance

from tallybrook.assessments.agreement.measure import Measurement, pairs_of
from tallybrook.assessments.agreement.numbers import icc_2_1
from tallybrook.assessments.agreement.shapes import Point
from tallybrook.assessments.agreement.student import t_quantile


def trend(measured: Sequence[Measurement], start_of: Callable[[int], int]) -> list[Point]:
    """The periods of messages in the order of time; those without any are left out."""
    periods: dict[int, list[Measurement]] = {}
    for one in measured:
        periods.setdefault(start_of(one.at), []).append(one)
    return [_point(start, held) for start, held in sorted(periods.items())]


def _point(start: int, held: Sequence[Measurement]) -> Point:
    known = [one.agreement for one in held if one.agreement is not None]
    icc = icc_2_1(pairs_of(held))
    mean = fmean(known) if known else None
    if mean is None or len(known) < 2:
        return Point(start, len(held), mean, None, icc)
    half = t_quantile(0.975, len(known) - 1) * sqrt(variance(known) / len(known))
    return Point(start, len(held), mean, (max(0.0, mean - half), min(1.0, mean + half)), icc)
