"""Whether confidences are worth what they say: (confidence 0..1, was it right)."""

from collections.abc import Sequence

Judged = tuple[float, bool]
BINS = 10


def brier(judged: Sequence[Judged]) -> float | None:
    """The mean squared distance of confidence and outcome, 0 is best (Brier, 1950)."""
    if not judged:
        return None
    return sum((confidence - right) ** 2 for confidence, right in judged) / len(judged)


def ece(judged: Sequence[Judged]) -> float | None:
    """Expected calibration error over ten equal bins: the mean gap between confidence and share of
    right ones, weighted by the size of the bin."""
    if not judged:
        return None
    bins: dict[int, list[Judged]] = {}
    for confidence, right in judged:
        bins.setdefault(min(BINS - 1, int(confidence * BINS)), []).append((confidence, right))
    gaps = (
        abs(sum(confidence for confidence, _ in group) - sum(right for _, right in group))
        for group in bins.values()
    )
    return sum(gaps) / len(judged)
