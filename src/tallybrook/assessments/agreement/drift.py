"""Whether two AIs agree less than they used to. Pure.

Messages are taken in blocks of 50, in the order of their time; no message is in two blocks. Each
block's mean disagreement is compared with that of up to ten blocks before it by Welch's t test,
one-sided at 1 in 1 000. So a look at a block errs once in a thousand, whatever has been looked at
before: some 50 000 messages from one false alarm to the next (measured in docs/concepts).

Sources: B. L. Welch (1947) for the test; D. L. Wallace (1959), Annals of Mathematical Statistics
30, for t's quantiles by those of the normal distribution.
"""

from collections.abc import Iterator, Sequence
from math import sqrt
from statistics import NormalDist, fmean, variance
from typing import Literal

from msgspec import Struct

from tallybrook.assessments.agreement.measure import Measurement, pairs_of
from tallybrook.assessments.agreement.numbers import icc_2_1
from tallybrook.assessments.agreement.student import t_as_z, t_quantile

BLOCK = 50
BASELINE_BLOCKS = 10
FEWEST_BLOCKS = 2
"""Before which there is nothing to compare with."""

ALPHA = 0.001
"""How often a look at a block errs when nothing has changed."""

LEAVE_ALPHA = 0.05
"""The drift is over with a block that does not even suggest a rise."""

LEAST_RISE = 0.02
"""A smaller rise of the mean disagreement is none that matters, however certain it is."""

Verdict = Literal["too_early", "steady", "drifting", "over", "accepted"]


class Block(Struct, frozen=True, array_like=True):
    """Consecutive messages: ``n``, mean and variance of their disagreement, the ICC over all their
    domains, and the instants and ids of the first and the last."""

    n: int
    mean: float
    variance: float
    icc: float | None
    first_at: int
    last_at: int
    last_id: str
    models: tuple[str, ...] = ()


class Standing(Struct, frozen=True, array_like=True):
    """What is remembered between looks: the last blocks that were steady, oldest first, those of
    a drift that goes on, and where the next block begins (past that message)."""

    steady: tuple[Block, ...] = ()
    drifted: tuple[Block, ...] = ()
    last_at: int | None = None
    last_id: str = ""
    alert_id: str | None = None


class Comparison(Struct, frozen=True):
    """A block beside those before it. ``rise`` is the difference of the means of disagreement, and
    ``interval`` holds it with 95 %; ``t`` and ``p`` are Welch's, one-sided (``t`` is None where
    nothing varies)."""

    rise: float
    interval: tuple[float, float]
    t: float | None
    df: float | None
    p: float


class Look(Struct, frozen=True):
    """What came of looking at a block; ``comparison`` is None where it is too early for one."""

    verdict: Verdict
    block: Block
    baseline: Block | None
    comparison: Comparison | None


def block_of(measured: Sequence[Measurement]) -> Block:
    """The block of messages in order, each with a disagreement rate."""
    rates = [one.disagreement_rate for one in measured if one.disagreement_rate is not None]
    models = {f"{one.model_a or '?'} / {one.model_b or '?'}" for one in measured}
    first, last = measured[0], measured[-1]
    return Block(
        len(rates), fmean(rates), variance(rates), icc_2_1(pairs_of(measured)), first.at, last.at,
        last.measurement_id, tuple(sorted(models)[:5]),
    )  # fmt: skip


def pooled(blocks: Sequence[Block]) -> Block:
    """Blocks as one. Its ICC is the mean of theirs."""
    n = sum(one.n for one in blocks)
    mean = sum(one.n * one.mean for one in blocks) / n
    squares = sum((one.n - 1) * one.variance + one.n * (one.mean - mean) ** 2 for one in blocks)
    known = [one.icc for one in blocks if one.icc is not None]
    models = {model for one in blocks for model in one.models}
    return Block(
        n, mean, squares / (n - 1), fmean(known) if known else None, blocks[0].first_at,
        blocks[-1].last_at, blocks[-1].last_id, tuple(sorted(models)[:5]),
    )  # fmt: skip


def compare(block: Block, baseline: Block) -> Comparison:
    """Welch's test of a block's mean against a baseline's. Without any variance a difference is
    certain, and none is none."""
    rise = block.mean - baseline.mean
    own, theirs = block.variance / block.n, baseline.variance / baseline.n
    error = sqrt(own + theirs)
    if not error:
        sign = (rise > 0) - (rise < 0)
        return Comparison(rise, (rise, rise), None, None, (1 - sign) / 2)
    df = (own + theirs) ** 2 / (own**2 / (block.n - 1) + theirs**2 / (baseline.n - 1))
    t = rise / error
    half = t_quantile(0.975, df) * error
    p = 1 - NormalDist().cdf(t_as_z(t, df))
    return Comparison(rise, (rise - half, rise + half), t, df, p)


def look(standing: Standing, block: Block) -> Look:
    """Judge the next block."""
    if len(standing.steady) < FEWEST_BLOCKS:
        return Look("too_early", block, None, None)
    baseline = pooled(standing.steady)
    found = compare(block, baseline)
    if not standing.drifted:
        risen = found.p < ALPHA and found.rise >= LEAST_RISE
        return Look("drifting" if risen else "steady", block, baseline, found)
    if found.p > LEAVE_ALPHA:
        return Look("over", block, baseline, found)
    lasting = len(standing.drifted) + 1 >= BASELINE_BLOCKS
    return Look("accepted" if lasting else "drifting", block, baseline, found)


def after(standing: Standing, seen: Look, alert_id: str | None = None) -> Standing:
    """What is remembered after a look. Blocks of a drift do not become the baseline, unless it has
    lasted for ten: then the new level is what is compared with. ``alert_id`` is of a drift that
    begins."""
    block, drifted = seen.block, standing.drifted
    if seen.verdict == "drifting":
        drifted = (*drifted, block)
        steady, alert = standing.steady, standing.alert_id or alert_id
    elif seen.verdict == "accepted":
        steady, drifted, alert = (*drifted, block), (), None
    else:
        steady, drifted, alert = (*standing.steady, block), (), None
    return Standing(steady[-BASELINE_BLOCKS:], drifted, block.last_at, block.last_id, alert)


def begins(standing: Standing, seen: Look) -> bool:
    """Whether this look is the edge at which a drift begins."""
    return seen.verdict == "drifting" and not standing.drifted


def looks(measured: Sequence[Measurement]) -> Iterator[tuple[Standing, Look]]:
    """Every look at messages in the order of their time, and what was remembered before it."""
    standing = Standing()
    known = [one for one in measured if one.disagreement_rate is not None]
    for at in range(0, len(known) - BLOCK + 1, BLOCK):
        seen = look(standing, block_of(known[at : at + BLOCK]))
        yield standing, seen
        standing = after(standing, seen)
