"""How far two AIs agreed over many messages: statistics, intervals, counts and cost. Pure.

Intervals are by a bootstrap that draws messages, never single scores: what one message holds
belongs together. More than 200 messages are dealt into 200 groups, and groups are drawn: the
work of drawing stays the same however many there are.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from operator import mul
from statistics import fmean

from tallybrook.assessments.agreement import calibration, moments, numbers
from tallybrook.assessments.agreement.bootstrap import middle
from tallybrook.assessments.agreement.measure import Dimension, Measurement
from tallybrook.assessments.agreement.message import DOMAINS
from tallybrook.assessments.agreement.moments import Moments
from tallybrook.assessments.agreement.shapes import Interval, Mean, Series, Share, Total, Window

GROUPS = 200
RESAMPLES = 400
MEANS = (
    "agreement", "disagreement_rate", "dimension_agreement", "facet_agreement",
    "validation_confidence", "average_confidence", "quality",
)  # fmt: skip
NO_MESSAGE = "there are no messages"
NO_PAIR = "no message has both scores"
NONE_DEFINED = "no message defines it"
NO_CONFIDENCE = "no message has this confidence and an agreement"

REASONS = numbers.REASONS | {"krippendorff_alpha": "all scores are the same"}


def window(measured: Sequence[Measurement], resamples: int = RESAMPLES, seed: int = 1) -> Window:
    """The report of messages in any order; the same messages in the same order and seed give the
    same intervals. An empty window has nulls with reasons."""
    draws = _draws(len(measured), resamples, seed)
    pairs = {name: [_pair(one.dimensions[name]) for one in measured] for name in DOMAINS}
    dimensions = {name: _series([[pair] for pair in held], draws) for name, held in pairs.items()}
    together = [list(of_one) for of_one in zip(*pairs.values(), strict=True)]
    calibrated, why = _calibration(measured)
    return Window(
        len(measured),
        _series(together, draws),
        dimensions,
        {name: _mean([getattr(one, name) for one in measured], draws) for name in MEANS},
        _share([one.high_disagreement for one in measured]),
        _share([one.sla_met for one in measured]),
        _total([one.cost_usd for one in measured]),
        _total([one.tokens for one in measured]),
        calibrated,
        why,
        len(draws),
    )


Pair = tuple[float, float] | None


def _pair(one: Dimension) -> Pair:
    return None if one.a is None or one.b is None else (one.a, one.b)


def _draws(messages: int, resamples: int, seed: int) -> list[list[int]]:
    """How often each group is drawn, for every resample."""
    draw, groups = random.Random(seed), min(messages, GROUPS)
    found = []
    for _ in range(resamples if messages > 1 else 0):
        times = Counter(draw.choices(range(groups), k=groups))
        found.append([times[group] for group in range(groups)])
    return found


def _series(messages: Sequence[Sequence[Pair]], draws: Sequence[Sequence[int]]) -> Series:
    """Of the scores of messages, several a message."""
    missing = sum(pair is None for of_one in messages for pair in of_one)
    pairs = sum(map(len, messages)) - missing
    columns = moments.columns_of(_dealt(messages)) if pairs else []
    whole = moments.weighted(columns, [1] * len(columns[0])) if pairs else moments.NONE
    values = {name: statistic(whole) for name, statistic in moments.STATISTICS.items()}
    drawn = [moments.weighted(columns, times) for times in draws] if pairs else []
    intervals = {
        name: _interval(name, drawn) for name, value in values.items() if value is not None
    }
    reasons = {
        name: REASONS.get(name, NO_PAIR) if pairs else NO_PAIR
        for name, value in values.items()
        if value is None
    }
    return Series(pairs, missing, values, intervals, reasons)


def _interval(name: str, drawn: Sequence[Moments]) -> Interval | None:
    return middle([moments.STATISTICS[name](one) for one in drawn])


def _dealt(messages: Sequence[Sequence[Pair]]) -> list[Moments]:
    """The sums of every group. Messages are dealt in turns: neighbours come into different
    groups. Both scores are taken from one centre, which changes no statistic."""
    groups = min(len(messages), GROUPS)
    held: list[list[tuple[float, float]]] = [[] for _ in range(groups)]
    for place, of_one in enumerate(messages):
        held[place % groups] += [pair for pair in of_one if pair is not None]
    a, b = zip(*(pair for group in held for pair in group), strict=True)
    centre, middle_rank = fmean(a), (len(a) + 1) / 2
    columns = [
        [score - centre for score in a], [score - centre for score in b],
        [rank - middle_rank for rank in numbers.ranks(a)],
        [rank - middle_rank for rank in numbers.ranks(b)],
    ]  # fmt: skip
    ends = list(accumulate(map(len, held), initial=0))
    return [
        moments.moments_of(*(column[start:end] for column in columns))
        for start, end in pairwise(ends)
    ]


def _mean(values: Sequence[float | None], draws: Sequence[Sequence[int]]) -> Mean:
    known = [value for value in values if value is not None]
    if not known:
        return Mean(None, None, 0, NONE_DEFINED if values else NO_MESSAGE)
    sums, counts = [0.0] * min(len(values), GROUPS), [0] * min(len(values), GROUPS)
    for place, value in enumerate(values):
        if value is not None:
            sums[place % len(sums)] += value
            counts[place % len(sums)] += 1
    drawn = [_ratio(sum(map(mul, times, sums)), sum(map(mul, times, counts))) for times in draws]
    return Mean(fmean(known), middle(drawn), len(known))


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def _share(values: Iterable[bool | None]) -> Share:
    every = list(values)
    known = [value for value in every if value is not None]
    if not known:
        return Share(None, 0, 0, NONE_DEFINED if every else NO_MESSAGE)
    return Share(sum(known) / len(known), sum(known), len(known))


def _total(values: Iterable[float | None]) -> Total:
    every = list(values)
    known = [value for value in every if value is not None]
    if not known:
        return Total(None, 0, NONE_DEFINED if every else NO_MESSAGE)
    return Total(sum(known), len(known))


def _calibration(
    measured: Sequence[Measurement],
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Brier score and calibration error of each AI's confidence."""
    values: dict[str, float | None] = {}
    for side in ("a", "b"):
        judged = [
            (confidence, not one.high_disagreement)
            for one in measured
            if (confidence := getattr(one, f"confidence_{side}")) is not None
            and one.high_disagreement is not None
        ]
        values[f"brier_{side}"] = calibration.brier(judged)
        values[f"ece_{side}"] = calibration.ece(judged)
    why = NO_CONFIDENCE if measured else NO_MESSAGE
    return values, {name: why for name, value in values.items() if value is None}
