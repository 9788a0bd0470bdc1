"""Agreement statistics: published examples, and other implementations on drawn data."""

import random
from typing import Any

import pytest

from tallybrook.assessments.agreement import calibration, categories, numbers
from tallybrook.assessments.agreement.alpha import alpha, interval_alpha
from tallybrook.assessments.agreement.report import Options, Rating, report
from tallybrook.errors import InvalidError

SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]


def test_icc_of_shrout_and_fleiss() -> None:
    """Six subjects, four judges: ICC(2,1) is .29 (1979, table 4)."""
    assert numbers.icc_2_1_of(SHROUT_FLEISS) == pytest.approx(0.29, abs=0.005)


def test_alpha_of_krippendorff() -> None:
    """Four observers, twelve units, missing values: nominal .743, ordinal .815, interval .849."""
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units: list[Any] = [list(unit) for unit in zip(*rows, strict=True)]
    assert alpha(units, "nominal") == pytest.approx(0.743, abs=0.0005)
    assert alpha(units, "ordinal") == pytest.approx(0.815, abs=0.0005)
    assert alpha(units, "interval") == pytest.approx(0.849, abs=0.0005)


def test_alpha_of_two_observers() -> None:
    """Krippendorff's ten units of two binary observers: .095; twelve of five letters: .692."""
    first, second = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert alpha(list(zip(first, second, strict=True)), "nominal") == pytest.approx(0.095, abs=5e-4)
    letters = [(ord(a), ord(b)) for a, b in zip("aabbdcccedda", "babbbccceddd", strict=True)]
    assert alpha(letters, "nominal") == pytest.approx(0.692, abs=5e-4)


def test_kappa_of_cohen() -> None:
    """Two psychologists, 200 diagnoses: kappa .492, with weights 1, 3 and 6 .348 (1968)."""
    counts = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
    pairs = [(a, b) for a in range(3) for b in range(3) for _ in range(counts[a][b])]
    weights = [[0, 1, 3], [1, 0, 6], [3, 6, 0]]
    plain = categories.weighted_kappa(pairs, lambda a, b: float(a != b))
    assert plain == pytest.approx(0.492, abs=5e-4)
    weighted = categories.weighted_kappa(pairs, lambda a, b: weights[a][b])
    assert weighted == pytest.approx(0.348, abs=5e-4)


KAPPAS = {
    2: [0.315068493151, 0.326923076923, 0.188311688312, 0.200000000000, 0.366197183099],
    3: [0.330543933054, 0.607594936709, 0.311193111931, 0.498714652956, 0.322853688029],
    7: [0.731121281465, 0.759725400458, 0.579566003617, 0.498666248235, 0.606543797888],
}
"""What scikit-learn 1.9 (``cohen_kappa_score``, quadratic) gives for tables drawn as below: to load
it takes seconds."""


def test_weighted_kappa_by_cohens_definition() -> None:
    """Quadratic weights equal scikit-learn's on drawn tables."""
    for size, kappas in KAPPAS.items():
        draw = random.Random(size)
        for kappa in kappas:
            pairs = [_rated(draw, size) for _ in range(60)]
            assert categories.quadratic_kappa(pairs, size) == pytest.approx(kappa)


def _rated(draw: random.Random, size: int) -> tuple[int, int]:
    """The second rater says the same, one less, or anything."""
    first = draw.randrange(size)
    return first, draw.choice((first, max(first - 1, 0), draw.randrange(size)))


def test_numbers_beside_scipy(stats: Any) -> None:
    """Correlations as scipy's, ties included; the rest from the definition."""
    draw = random.Random(5)
    for _ in range(30):
        pairs = [(draw.randint(0, 9), draw.randint(0, 9) + draw.random()) for _ in range(40)]
        a, b = [p for p, _ in pairs], [q for _, q in pairs]
        assert numbers.pearson(pairs) == pytest.approx(stats.pearsonr(a, b).statistic)
        assert numbers.spearman(pairs) == pytest.approx(stats.spearmanr(a, b).statistic)
        assert numbers.ranks(a) == pytest.approx(list(stats.rankdata(a)))
        below = stats.tvar(a) * 39 / 40 + stats.tvar(b) * 39 / 40 + (sum(a) - sum(b)) ** 2 / 1600
        covariance = sum(p * q for p, q in pairs) / 40 - sum(a) * sum(b) / 1600
        assert numbers.ccc(pairs) == pytest.approx(2 * covariance / below)
        assert interval_alpha(pairs) == pytest.approx(alpha(pairs, "interval") or 0)


def test_limits_of_bland_and_altman(stats: Any) -> None:
    """Peak flow of 17 subjects by two meters (1986): bias -2.1, SD 38.8, limits -78.1 and 73.9."""
    large = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
    mini = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
    pairs = list(zip(large, mini, strict=True))
    assert numbers.bias(pairs) == pytest.approx(-2.1, abs=0.05)
    # The paper takes 2 SD, this is 1.96 of them.
    deviation = stats.tstd([a - b for a, b in pairs])
    assert deviation == pytest.approx(38.8, abs=0.05)
    assert numbers.loa_lower(pairs) == pytest.approx(-2.1 - 1.96 * 38.8, abs=0.2)
    assert numbers.loa_upper(pairs) == pytest.approx(-2.1 + 1.96 * 38.8, abs=0.2)


def test_gwets_coefficient() -> None:
    """By hand for two categories: AC1 of 40 + 30 agreeing, 20 + 10 differing."""
    pairs = [(0, 0)] * 40 + [(1, 1)] * 30 + [(0, 1)] * 20 + [(1, 0)] * 10
    share = (60 + 50) / 200
    chance = 2 * share * (1 - share)
    assert categories.gwet_ac2(pairs, 2) == pytest.approx((0.7 - chance) / (1 - chance))
    assert categories.percent_agreement(pairs) == 0.7


def test_calibration() -> None:
    """Squared distance, and the gap between confidence and share of right ones."""
    judged = [(0.9, True), (0.9, False), (0.2, False), (1.0, True)]
    assert calibration.brier(judged) == pytest.approx((0.01 + 0.81 + 0.04 + 0) / 4)
    assert calibration.ece(judged) == pytest.approx((abs(2.8 - 2) + 0.2) / 4)


@pytest.mark.parametrize(
    "ratings",
    [[], [Rating(1, None)], [Rating(1, 1)], [Rating(2, 2)] * 9, [Rating(1, 2)],
     [Rating("a", "a")] * 4, [Rating("a", None)]],
)  # fmt: skip
def test_what_is_undefined_is_null_with_a_reason(ratings: list[Rating]) -> None:
    """Never NaN, 0 or 1 in its place."""
    found = report(ratings, Options(resamples=20))
    assert found.pairs + found.missing == len(ratings)
    undefined = {name for name, value in found.statistics.items() if value is None}
    assert undefined == set(found.reasons)
    assert undefined
    assert all(found.reasons.values())


def test_intervals_hold_the_truth_and_repeat() -> None:
    """The interval of a correlation of .8 contains the estimate; the same seed gives the same."""
    draw = random.Random(6)
    ratings = []
    for _ in range(200):
        shared = draw.gauss(0, 1)
        ratings.append(Rating(shared + draw.gauss(0, 0.5), shared + draw.gauss(0, 0.5)))
    first, again = (report(ratings, Options(resamples=200)) for _ in range(2))
    assert first == again
    low, high = first.intervals["icc"] or (1, 0)
    assert low < (first.statistics["icc"] or 0) < high
    assert low < 0.8 < high


def test_categories_have_to_be_declared() -> None:
    """A category outside the list is refused; without a list weighted statistics have a reason."""
    with pytest.raises(InvalidError, match="maybe"):
        report([Rating("yes", "maybe")], Options(("yes", "no")))
    found = report([Rating("yes", "no"), Rating("no", "no")], Options(resamples=0))
    assert "order" in found.reasons["quadratic_kappa"]
    with pytest.raises(InvalidError):
        report([Rating(1, 2), Rating(1.5, True)], Options())
    with pytest.raises(InvalidError, match="0 to 1"):
        report([Rating(1, 2, 1.5)], Options())
