"""Whether answers are worth scoring: how many, how consistent, how long the same one in a row."""

from collections.abc import Sequence
from itertools import groupby
from math import sqrt
from typing import Literal

from msgspec import Struct

from tallybrook.assessments.answers import SCALES, Answers

MIN_FACETS = 10
LONGEST_RUNS = {1.0: 9, 2.0: 9, 3.0: 8, 4.0: 11, 5.0: 9}
"""The longest run of the same answer that is still believed, by option of a five-point scale
(Johnson, 2005)."""

INCONSISTENT, QUESTIONABLE = 0.30, 0.50
Verdict = Literal["ok", "questionable", "inconsistent"]


class Validity(Struct, frozen=True):
    """``completeness`` 0 to 1; ``consistency`` 0 to 1 or None, and then ``reason`` says why.

    ``long_run`` tells that one answer was given too often in a row; consistency is then 0.
    """

    completeness: float
    consistency: float | None
    verdict: Verdict | None
    long_run: bool
    scorable: bool
    reason: str | None = None


def validity(answers: Answers) -> Validity:
    """All of it for one person's answers."""
    total = len(answers.inventory.items)
    long_run = has_long_run(answers)
    found: float | None = 0.0
    reason = None
    if not long_run:
        found, reason = consistency(answers)
    return Validity(
        len(answers.answers) / total, found, None if found is None else _verdict(found), long_run,
        answers.missing <= answers.inventory.max_missing, reason,
    )  # fmt: skip


def _verdict(found: float) -> Verdict:
    if found < INCONSISTENT:
        return "inconsistent"
    return "questionable" if found < QUESTIONABLE else "ok"


def has_long_run(answers: Answers) -> bool:
    """Whether an option of a five-point scale was given more often in a row than it may.

    Unanswered items are passed over. Other scales have no such limits.
    """
    if SCALES[answers.scale] != (1, 5):
        return False
    runs = groupby(answer.given for answer in answers.answers)
    return any(len(list(run)) > LONGEST_RUNS[option] for option, run in runs)


def consistency(answers: Answers) -> tuple[float | None, str | None]:
    """Jackson's individual reliability as Johnson (2005) uses it; None comes with a reason.

    Every facet's items are split by turns, first, third ... against second, fourth ...; the
    correlation of the two means over the facets that have both is stepped up by Spearman-Brown.
    """
    first, second = _halves(answers)
    if len(first) < MIN_FACETS:
        return None, f"fewer than {MIN_FACETS} facets have answers in both halves"
    r = pearson(first, second)
    if r is None:
        return None, "the answers do not vary"
    return (max(0.0, 2 * r / (1 + r)) if r > -1 else 0.0), None


def _halves(answers: Answers) -> tuple[list[float], list[float]]:
    keyed = {answer.item.id: answer.keyed for answer in answers.answers}
    first: list[float] = []
    second: list[float] = []
    by_facet: dict[str, list[str]] = {facet: [] for facet in answers.inventory.facets}
    for item in answers.inventory.items:
        by_facet[item.facet].append(item.id)
    for ids in by_facet.values():
        halves = [[keyed[i] for i in ids[start::2] if i in keyed] for start in (0, 1)]
        if all(halves):
            first.append(sum(halves[0]) / len(halves[0]))
            second.append(sum(halves[1]) / len(halves[1]))
    return first, second


def pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    """The correlation of two equally long series, None where one of them does not vary."""
    n = len(x)
    if n < 2 or min(x) == max(x) or min(y) == max(y):
        return None
    mean_x, mean_y = sum(x) / n, sum(y) / n
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    spread = sqrt(sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y))
    return max(-1.0, min(1.0, covariance / spread))
