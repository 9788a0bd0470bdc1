"""All statistics of a set of ratings in one flat object, with intervals and reasons."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from msgspec import Struct

from tallybrook.assessments.agreement import bootstrap, calibration, categories, numbers
from tallybrook.assessments.agreement.alpha import alpha, interval_alpha
from tallybrook.errors import InvalidError

EMPTY = "no pair has both ratings"
NO_ORDER = "the order of the categories is not declared"


class Rating(Struct, frozen=True):
    """What two raters said of one thing: numbers or categories, None where one is missing."""

    a: float | str | bool | None = None
    b: float | str | bool | None = None
    confidence_a: float | None = None
    confidence_b: float | None = None


class Options(Struct, frozen=True):
    """``categories`` in their order; ``tolerance`` is how far numbers may be apart and still agree,
    which confidences are judged by."""

    categories: tuple[str, ...] = ()
    tolerance: float | None = None
    resamples: int = bootstrap.RESAMPLES
    seed: int = 1


class Report(Struct, frozen=True):
    """``pairs`` ratings with both sides, ``missing`` without. ``statistics`` by name, null where
    not defined, and then ``reasons`` says why; ``intervals`` are 95 % by bootstrap."""

    kind: Literal["numbers", "categories"]
    pairs: int
    missing: int
    statistics: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]
    reasons: dict[str, str]
    resamples: int
    categories: tuple[str, ...] = ()


Statistics = Mapping[str, Callable[[Sequence[Any]], float | None]]


def report(ratings: Iterable[Rating], options: Options) -> Report:
    """Raises ``InvalidError`` for ratings that are neither all numbers nor all of the categories,
    or confidences outside 0 to 1."""
    everything = list(ratings)
    _require_confidences(everything)
    both = [rating for rating in everything if rating.a is not None and rating.b is not None]
    if options.categories or any(isinstance(r.a, str | bool) for r in both):
        return _of_categories(both, len(everything) - len(both), options)
    return _of_numbers(both, len(everything) - len(both), options)


def _require_confidences(ratings: Sequence[Rating]) -> None:
    for number, rating in enumerate(ratings, 1):
        for name in ("confidence_a", "confidence_b"):
            value = getattr(rating, name)
            if value is not None and not 0 <= value <= 1:
                raise InvalidError.of(f"/{name}", f"of rating {number} must be from 0 to 1")


def _of_numbers(both: Sequence[Rating], missing: int, options: Options) -> Report:
    for number, rating in enumerate(both, 1):
        if isinstance(rating.a, str | bool) or isinstance(rating.b, str | bool):
            raise InvalidError(f"pair {number} holds a category where others hold numbers")
    pairs = [(float(rating.a or 0), float(rating.b or 0)) for rating in both]
    statistics: Statistics = {**numbers.STATISTICS, "krippendorff_alpha": interval_alpha}
    reasons = numbers.REASONS | {"krippendorff_alpha": "all ratings are the same"}
    tolerance = options.tolerance
    judged = None
    if tolerance is not None:
        judged = [abs(a - b) <= tolerance for a, b in pairs]
    return _report("numbers", pairs, missing, statistics, reasons, both, judged, options)


def _of_categories(both: Sequence[Rating], missing: int, options: Options) -> Report:
    used = {_text(side) for rating in both for side in (rating.a, rating.b)}
    declared = options.categories or tuple(sorted(used))
    places = {name: place for place, name in enumerate(declared)}
    unknown = sorted(used - places.keys())
    if unknown:
        raise InvalidError(f"{unknown[0]!r} is not one of the categories {', '.join(declared)}")
    pairs = [(places[_text(rating.a)], places[_text(rating.b)]) for rating in both]
    statistics = _category_statistics(len(declared), ordered=bool(options.categories))
    why = "one category only: chance explains everything"
    ordered = options.categories or None
    reasons = dict.fromkeys(statistics, why if ordered else NO_ORDER)
    reasons["krippendorff_alpha"] = "all ratings are the same"
    judged = [a == b for a, b in pairs]
    return _report(
        "categories", pairs, missing, statistics, reasons, both, judged, options, declared
    )


def _category_statistics(size: int, *, ordered: bool) -> Statistics:
    nothing: Callable[[Sequence[Any]], None] = lambda _pairs: None  # noqa: E731
    return {
        "percent_agreement": categories.percent_agreement,
        "quadratic_kappa": partial(categories.quadratic_kappa, size=size) if ordered else nothing,
        "gwet_ac2": partial(categories.gwet_ac2, size=size) if ordered else nothing,
        "krippendorff_alpha": partial(alpha, metric="nominal"),
        "krippendorff_alpha_ordinal": partial(alpha, metric="ordinal") if ordered else nothing,
    }


def _text(side: object) -> str:
    """A category as text: JSON's own, so that 1 and 1.0 are the same."""
    if isinstance(side, bool):
        return str(side).lower()
    return str(int(side)) if isinstance(side, float) and side.is_integer() else str(side)


def _report(
    kind: Literal["numbers", "categories"],
    pairs: Sequence[Any],
    missing: int,
    statistics: Statistics,
    why: Mapping[str, str],
    both: Sequence[Rating],
    judged: Sequence[bool] | None,
    options: Options,
    declared: tuple[str, ...] = (),
) -> Report:
    values = {name: statistic(pairs) for name, statistic in statistics.items()}
    resamples = bootstrap.resamples_for(len(pairs), options.resamples)
    defined = {name: statistics[name] for name, value in values.items() if value is not None}
    ranges = bootstrap.intervals(pairs, defined, resamples=resamples, seed=options.seed)
    reasons = {
        name: why.get(name, EMPTY) if pairs else EMPTY
        for name, value in values.items()
        if value is None
    }
    confidences, silent = _confidences(both, judged)
    return Report(
        kind, len(pairs), missing, values | confidences, ranges, reasons | silent, resamples,
        declared,
    )  # fmt: skip


def _confidences(
    both: Sequence[Rating], judged: Sequence[bool] | None
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Brier and calibration error of each rater's confidence that the two agree."""
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for side in ("a", "b"):
        given = [getattr(rating, f"confidence_{side}") for rating in both]
        known = [
            (confidence, right)
            for confidence, right in zip(given, judged or (), strict=False)
            if confidence is not None
        ]
        for name, statistic in (("brier", calibration.brier), ("ece", calibration.ece)):
            values[f"{name}_{side}"] = value = statistic(known)
            if value is None:
                reasons[f"{name}_{side}"] = (
                    "without a tolerance numbers neither agree nor differ"
                    if judged is None
                    else "there are no confidences"
                )
    return values, reasons
