"""Scores week by week: means with intervals, slopes, and weeks that stand out. Pure.

A week stands out where its modified z-score is above 3.5, by the median and the median absolute
deviation of the weeks (B. Iglewicz, D. Hoaglin: How to Detect and Handle Outliers, 1993), and it
also is more than two standard errors of its own mean away. Slopes are by least squares, weighted
with the people of each week.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean, median
from typing import Literal

from msgspec import Struct

from tallybrook.assessments.agreement.student import t_quantile
from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.privacy.suppressing import suppress

MIN_SLOPE_WEEKS = 3
MIN_ANOMALY_WEEKS = 5
MODIFIED_Z = 3.5
STANDARD_ERRORS = 2.0
_MAD, _MEAN_AD = 0.6745, 1.253314
_DIGITS = 2


class Moments(Struct):
    """Running mean and sum of squares (Welford)."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.n += 1
        gap = value - self.mean
        self.mean += gap / self.n
        self.squares += gap * (value - self.mean)

    @property
    def error(self) -> float:
        """The standard error of the mean; endless below two values."""
        if self.n < 2:
            return float("inf")
        return sqrt(self.squares / (self.n - 1) / self.n)


class Mean(Struct):
    """A mean with its 95 % interval; null below k people."""

    mean: float | None
    interval: tuple[float, float] | None


class Week(Struct):
    """``start`` is its Monday (UTC), null for scores without a time."""

    start: str | None
    people: int
    domains: dict[str, Mean]


class Slope(Struct):
    """Points a week, with its 95 % interval; null with a ``reason``."""

    per_week: float | None
    interval: tuple[float, float] | None
    reason: str | None = None


class Anomaly(Struct):
    """A week that stands out among the weeks: by a domain's mean, or by its number of people."""

    start: str
    what: Literal["mean", "people"]
    domain: str | None
    value: float
    usual: float
    modified_z: float


class Trends(Struct):
    """``withheld`` counts the weeks that are too small, or would give one of those away."""

    withheld: int
    weeks: list[Week]
    slopes: dict[str, Slope]
    anomalies: list[Anomaly]


_Weeks = Mapping[int | None, Mapping[str, Moments]]


def trends(
    people: Mapping[int | None, int], weeks: _Weeks, domains: Sequence[str], k: int
) -> Trends:
    """The weeks in order, by the people in each."""
    gone = suppress({(_name(week),): count for week, count in people.items()}, k)
    shown = sorted((w for w in people if (_name(w),) not in gone), key=lambda w: (w is None, w))
    known = {
        domain: {
            week: weeks[week][domain]
            for week in shown
            if week is not None and domain in weeks[week] and weeks[week][domain].n >= k
        }
        for domain in domains
    }
    return Trends(
        len(gone),
        [_week(week, people[week], weeks[week], domains, k) for week in shown],
        {domain: _slope(found) for domain, found in known.items()},
        _anomalies(known, {w: people[w] for w in shown if w is not None}),
    )  # fmt: skip


def _name(week: int | None) -> str | None:
    return None if week is None else f"{week:+025d}"


def _start(week: int) -> str:
    return format_instant(week)[:10]


def _week(
    week: int | None, people: int, found: Mapping[str, Moments], domains: Sequence[str], k: int
) -> Week:
    means = {name: _mean(found.get(name, Moments()), k) for name in domains}
    return Week(None if week is None else _start(week), people, means)


def _mean(found: Moments, k: int) -> Mean:
    if found.n < max(k, 2):
        return Mean(None, None)
    return Mean(
        round(found.mean, _DIGITS), _around(found.mean, t_quantile(0.975, found.n - 1), found.error)
    )


def _around(middle: float, quantile: float, error: float) -> tuple[float, float]:
    half = quantile * error
    return round(middle - half, _DIGITS), round(middle + half, _DIGITS)


def _slope(found: Mapping[int, Moments]) -> Slope:
    if len(found) < MIN_SLOPE_WEEKS:
        return Slope(None, None, f"fewer than {MIN_SLOPE_WEEKS} weeks")
    weights = [one.n for one in found.values()]
    at = [week / (7 * DAY_US) for week in found]
    values = [one.mean for one in found.values()]
    middle, level = fmean(at, weights), fmean(values, weights)
    width = sum(w * (x - middle) ** 2 for w, x in zip(weights, at, strict=True))
    slope = (
        sum(w * (x - middle) * (y - level) for w, x, y in zip(weights, at, values, strict=True))
        / width
    )
    left = sum(
        w * (y - level - slope * (x - middle)) ** 2
        for w, x, y in zip(weights, at, values, strict=True)
    )
    free = len(at) - 2
    error = sqrt(left / free / width)
    return Slope(round(slope, _DIGITS), _around(slope, t_quantile(0.975, free), error))


def _anomalies(
    known: Mapping[str, Mapping[int, Moments]], people: Mapping[int, int]
) -> list[Anomaly]:
    found = [
        Anomaly(_start(week), "mean", domain, round(moments.mean, _DIGITS), usual, z)
        for domain, weeks in known.items()
        for week, (usual, z) in _outstanding({w: m.mean for w, m in weeks.items()}).items()
        for moments in (weeks[week],)
        if abs(moments.mean - usual) > STANDARD_ERRORS * moments.error
    ]
    counted = _outstanding({week: float(count) for week, count in people.items()})
    found += [
        Anomaly(_start(week), "people", None, float(people[week]), usual, z)
        for week, (usual, z) in counted.items()
    ]
    return sorted(found, key=lambda one: (one.start, one.what, one.domain or ""))


def _outstanding(values: Mapping[int, float]) -> dict[int, tuple[float, float]]:
    """The weeks that stand out, each with the median and its modified z-score."""
    if len(values) < MIN_ANOMALY_WEEKS:
        return {}
    usual = median(values.values())
    gaps = [abs(value - usual) for value in values.values()]
    unit = median(gaps) / _MAD or fmean(gaps) * _MEAN_AD
    if unit == 0:
        return {}
    scores = {week: (value - usual) / unit for week, value in values.items()}
    return {
        week: (round(usual, _DIGITS), round(z, _DIGITS))
        for week, z in scores.items()
        if abs(z) > MODIFIED_Z
    }
