"""Scores of an assessment: the formulas, beside another implementation of the same key."""

import random
from math import erf, sqrt
from statistics import NormalDist, correlation, mean, stdev
from typing import Any

import msgspec
import pytest
from ipipneo.facet import Facet
from ipipneo.norm import Norm
from ipipneo.reverse import ReverseScored120, ReverseScored300

from tallybrook.assessments.answers import read_answers
from tallybrook.assessments.indicators import LISTS
from tallybrook.assessments.inventories import Inventory, Reliability
from tallybrook.assessments.library import built_in, inventory
from tallybrook.assessments.norms import standing
from tallybrook.assessments.scoring import Result, score
from tallybrook.assessments.validity import consistency, has_long_run
from tallybrook.errors import InvalidError

OCEAN_120 = inventory("ocean-120")
# fmt: off
REVERSED = {
    9, 19, 24, 30, 39, 40, 48, 49, 51, 53, 54, 60, 62, 67, 68, 69, 70, 73, 74, 75,
    78, 79, 80, 81, 83, 84, 85, 88, 89, 90, 92, 94, 113, 114, 115, 116, 118, 119, 120,
    *range(96, 112),
}
# fmt: on
DOMAINS = dict(
    zip(
        "NEOAC",
        ("neuroticism", "extraversion", "openness", "agreeableness", "conscientiousness"),
        strict=True,
    )
)


def assessment(answers: dict[int, Any], **more: Any) -> dict[str, Any]:
    responses = [{"questionId": str(n), "answer": answer} for n, answer in answers.items()]
    return {"assessmentId": "a", "assessmentType": "ocean-120", "responses": responses, **more}


def drawn(seed: int, count: int = 120) -> dict[int, int]:
    draw = random.Random(seed)
    return {n: draw.randint(1, 5) for n in range(1, count + 1)}


def scored(answers: dict[int, Any], chosen: Inventory = OCEAN_120, **more: Any) -> Result:
    return score(assessment(answers, **more), chosen)


def by_hand(answers: dict[int, int]) -> dict[str, Any]:
    """Domains and facets (by domain letter and number), from the definition."""
    keyed = {n: 6 - a if n in REVERSED else a for n, a in answers.items()}
    facets: dict[tuple[str, int], list[int]] = {}
    for n, value in keyed.items():
        facets.setdefault(("NEOAC"[(n - 1) % 5], (n - 1) // 5 % 6 + 1), []).append(value)
    domains = {
        letter: [v for (d, _), values in facets.items() if d == letter for v in values]
        for letter in "NEOAC"
    }
    return {"facets": facets, "domains": domains}


def percent(keyed_mean: float) -> float:
    return 100 * (keyed_mean - 1) / 4


@pytest.mark.parametrize("seed", range(50))
def test_scores_are_the_formulas(seed: int) -> None:
    """Domains, facets and their deviations are as defined, to 1e-9."""
    answers = drawn(seed)
    result, expected = scored(answers), by_hand(answers)
    for letter, name in DOMAINS.items():
        assert result.scores[name] == pytest.approx(
            percent(mean(expected["domains"][letter])), abs=1e-9
        )
        for number, facet in enumerate(OCEAN_120.domains[name], 1):
            keyed, found = expected["facets"][letter, number], result.scores["facets"][facet]
            assert found.score == pytest.approx(percent(mean(keyed)), abs=1e-9)
            assert found.std_dev == pytest.approx(25 * stdev(keyed), abs=1e-9)
            assert found.responses == 4


@pytest.mark.parametrize("people", [40, pytest.param(3000, marks=pytest.mark.slow)])
def test_another_implementation_agrees(people: int) -> None:
    """five-factor-e keys 120 and 300 items, sums facets and domains, finds norm groups and forms T
    scores as we do. It cuts percentiles off and bends them: those are our own."""
    draw = random.Random(7)
    for size, chosen in ((120, OCEAN_120), (300, inventory("ocean-300"))):
        for _ in range(people):
            answers = {n: draw.randint(1, 5) for n in range(1, size + 1)}
            sex, age = draw.choice("MF"), draw.choice((18, 20, 21, 40, 41, 60, 61, 80))
            result = scored(answers, chosen, demographics={"gender": sex, "age": age})
            assert result.norms is not None
            ours = {name: found.t for name, found in result.norms.scales.items()}
            assert ours == pytest.approx(five_factor(size, answers, sex, age), abs=1e-6)


def five_factor(size: int, answers: dict[int, int], sex: str, age: int) -> dict[str, float]:
    """T scores of domains and facets: its own steps before they are cut off and bent."""
    reverse = {120: ReverseScored120, 300: ReverseScored300}[size]
    given = [{"id_question": n, "id_select": answers[n]} for n in sorted(answers)]
    values = [answer["id_select"] for answer in reverse({"answers": given})["answers"]]
    facet, group = Facet(nquestion=size), Norm(sex=sex, age=age, nquestion=size)
    sums = facet.score(answers=values)
    spread = facet.distrib(size=len(sums), b5=facet.b5create(score=sums), norm=group)
    domains = Norm.calc(domain=facet.domain(score=sums), norm=group)
    chosen = inventory(f"ocean-{size}")
    return {domain: domains[letter] for letter, domain in DOMAINS.items()} | {
        name: spread[letter][number]
        for letter, domain in DOMAINS.items()
        for number, name in enumerate(chosen.domains[domain], 1)
    }


def test_norms_are_t_scores_with_percentiles() -> None:
    """T = 50 + 10 (raw - mean) / SD of the group of sex and age; the percentile is normal."""
    answers = drawn(3)
    result = scored(answers, demographics={"gender": "female", "age": 30})
    assert result.norms is not None
    assert (result.norms.norm_set, result.norms.group) == ("johnson-120", "female, 21-40")
    raw = sum(by_hand(answers)["domains"]["O"])
    group = next(g for g in OCEAN_120.norms if g.sex == "female" and g.min_age == 21)
    mean_, deviation = group.scales["openness"]
    t = 50 + 10 * (raw - mean_) / deviation
    assert result.norms.scales["openness"].t == pytest.approx(t)
    expected = 100 * 0.5 * (1 + erf((t - 50) / 10 / sqrt(2)))
    assert result.norms.scales["openness"].percentile == pytest.approx(expected)


def test_intervals_are_those_of_the_reliability() -> None:
    """T +- 1.96 standard errors of measurement, the percentiles of its ends; a domain's reliability
    follows from those of its facets."""
    result = scored(drawn(3), demographics={"gender": "female", "age": 30})
    assert result.norms is not None
    scales = result.norms.scales
    trust, anxiety, domain = scales["trust"], scales["anxiety"], scales["neuroticism"]
    assert (anxiety.reliability, anxiety.reliability_basis) == (0.71, "published")
    assert trust.reliability == pytest.approx(0.4 * 0.82 / (1 - 0.6 * 0.82), abs=1e-4)
    assert trust.reliability_basis == "stepped-down"
    group = next(g for g in OCEAN_120.norms if g.sex == "female" and g.min_age == 21)
    errors = sum(
        group.scales[facet][1] ** 2 * (1 - OCEAN_120.reliability[facet].value)
        for facet in OCEAN_120.domains["neuroticism"]
    )
    assert domain.reliability == pytest.approx(1 - errors / group.scales["neuroticism"][1] ** 2)
    assert domain.reliability == pytest.approx(0.90, abs=0.01)  # as Johnson (2014) measured it
    for one in scales.values():
        assert one.reliability is not None
        assert one.t_interval is not None
        half = NormalDist().inv_cdf(0.975) * 10 * sqrt(1 - one.reliability)
        assert one.t_interval == pytest.approx((one.t - half, one.t + half))
        ends = [100 * NormalDist().cdf((end - 50) / 10) for end in one.t_interval]
        assert one.percentile_interval == pytest.approx(ends)
    assert "norms.intervals" not in result.reasons


def test_an_interval_covers_the_true_value() -> None:
    """Of people whose true value is known, 95 % have it inside of their interval."""
    draw, reliability = random.Random(5), Reliability(0.7, "published")
    inside = 0
    for _ in range(4000):
        true, error = draw.gauss(0, sqrt(0.7)), draw.gauss(0, sqrt(0.3))
        low, high = standing(true + error, 0.0, 1.0, reliability).t_interval or (0, 0)
        inside += low <= 50 + 10 * true <= high
    assert inside / 4000 == pytest.approx(0.95, abs=0.012)


def test_an_unknown_reliability_has_a_reason() -> None:
    """Without a reliability there is a standing and no interval, and the result says of which."""
    known = {"anxiety": OCEAN_120.reliability["anxiety"]}
    chosen = msgspec.structs.replace(OCEAN_120, reliability=known)
    result = scored(drawn(3), chosen, demographics={"gender": "female", "age": 30})
    assert result.norms is not None
    for name, found in result.norms.scales.items():
        assert (found.percentile_interval is None) == (name != "anxiety")
    assert "neuroticism" in result.reasons["norms.intervals"]
    assert "anxiety" not in result.reasons["norms.intervals"]


@pytest.mark.parametrize("known", [{}, {"gender": "M"}, {"age": 3}, {"gender": "x", "age": 30}])
def test_without_sex_and_age_there_are_no_norms(known: dict[str, Any]) -> None:
    """And a reason says so."""
    result = scored(drawn(1), demographics=known)
    assert result.norms is None
    assert "norms" in result.reasons


def test_missing_answers() -> None:
    """Ten may be missing; a facet needs two answers; what cannot be is null with a reason."""
    answers = drawn(5)
    anxiety = [1, 31, 61, 91]
    for n in anxiety[:3]:
        answers[n] = None  # type: ignore[assignment]
    result = scored(answers)
    facet = result.scores["facets"]["anxiety"]
    assert (facet.score, facet.responses, facet.std_dev) == (None, 1, None)
    assert result.scores["neuroticism"] is not None
    assert result.scores["completeness"] == 117 / 120
    for n in list(answers)[-8:]:
        del answers[n]
    result = scored(answers)
    assert not result.validity.scorable
    assert all(result.scores[name] is None for name in DOMAINS.values())
    assert "scores" in result.reasons


def test_consistency_is_jacksons_by_hand() -> None:
    """Items 1 and 3 of each facet against 2 and 4, correlated over facets, stepped up."""
    answers = drawn(11)
    halves = [
        (mean((keyed[0], keyed[2])), mean((keyed[1], keyed[3])))
        for keyed in by_hand(answers)["facets"].values()
    ]
    x, y = [a for a, _ in halves], [b for _, b in halves]
    r = correlation(x, y)
    found, _ = consistency(read_answers(assessment(answers), OCEAN_120))
    assert found == pytest.approx(max(0, 2 * r / (1 + r)))


def test_consistency_needs_variance_and_ten_facets() -> None:
    """Null, with a reason, rather than a made-up number."""
    same = {n: 2 if n in REVERSED else 4 for n in range(1, 121)}
    found, reason = consistency(read_answers(assessment(same), OCEAN_120))
    assert found is None
    assert reason
    few = {n: n % 5 + 1 for n in range(1, 121) if (n - 1) // 5 % 6 == 0}
    assert consistency(read_answers(assessment(few), OCEAN_120))[0] is None


@pytest.mark.parametrize(("option", "most"), [(1, 9), (2, 9), (3, 8), (4, 11), (5, 9)])
def test_long_runs(option: int, most: int) -> None:
    """A run up to the limit of its option is believed, one more is not; gaps do not break it."""

    def answers(length: int) -> dict[int, int]:
        made = {n: n % 2 * 2 + 1 if option in (2, 4) else n % 2 * 2 + 2 for n in range(1, 121)}
        return made | dict.fromkeys(range(20, 20 + length), option)

    assert not has_long_run(read_answers(assessment(answers(most)), OCEAN_120))
    longer = answers(most + 2)
    del longer[25]
    assert has_long_run(read_answers(assessment(longer), OCEAN_120))
    result = scored(longer)
    assert result.scores["consistency"] == 0
    assert result.validity.long_run
    assert result.validity.verdict == "inconsistent"


@pytest.mark.parametrize(
    ("scale", "answer", "score_"),
    [("1-6", 6, 100), ("1-6", 3.0, 40), ("0-100", 0, 0), ("0-100", 37.5, 37.5),
     ("text", "agree", 75), ("1-5", 3, 50)],
)  # fmt: skip
def test_scales(scale: str, answer: Any, score_: float) -> None:
    """Answers of any declared scale come to the same 0 to 100."""
    answers: dict[int, Any] = dict.fromkeys(range(1, 121), answer)
    facet = scored(answers, scale=scale).scores["facets"]["anxiety"]
    assert facet.score == pytest.approx(score_)


@pytest.mark.parametrize(
    ("responses", "pointer"),
    [
        ([{"questionId": "1", "answer": 6}], "/responses/0/answer"),
        ([{"questionId": "1", "answer": 0}], "/responses/0/answer"),
        ([{"questionId": "1", "answer": 2.5}], "/responses/0/answer"),
        ([{"questionId": "1", "answer": True}], "/responses/0/answer"),
        ([{"questionId": "1", "answer": "5"}], "/responses/0/answer"),
        ([{"questionId": "121", "answer": 1}], "/responses/0/questionId"),
        ([{"questionId": None, "answer": 1}], "/responses/0/questionId"),
        ([{"questionId": 7, "answer": 1}, {"questionId": "7", "answer": 1}],
         "/responses/1/questionId"),
        ([{"questionId": "1", "answer": "agree"}], "/responses/0/answer"),
        (["x"], "/responses/0"),
        ([], "/responses"),
        (None, "/responses"),
    ],
)  # fmt: skip
def test_unusable_answers_are_named(responses: Any, pointer: str) -> None:
    """Never clamped, never guessed: the place and the reason."""
    with pytest.raises(InvalidError) as caught:
        score({"responses": responses}, OCEAN_120)
    assert caught.value.errors[0].pointer == pointer


def test_a_hundred_and_thirty_answers_are_too_many() -> None:
    """Items that the inventory does not have are refused, each by its place."""
    with pytest.raises(InvalidError) as caught:
        scored(drawn(1, 130))
    assert len(caught.value.errors) == 10


def test_keys_of_items_are_known_too() -> None:
    """An item is answered under its number or its key."""
    keyed = [{"questionId": item.key, "answer": 3} for item in OCEAN_120.items]
    assert score({"responses": keyed}, OCEAN_120).scores["openness"] == 50


def test_indicators_are_means_of_their_facets() -> None:
    """Reversed where the list says so; off unless asked for."""
    answers = drawn(2)
    assert scored(answers).dark_side_indicators is None
    result = score(assessment(answers), OCEAN_120, with_indicators=True)
    assert result.dark_side_indicators is not None
    assert set(result.dark_side_indicators) == set(LISTS)
    facets = result.scores["facets"]
    expected = mean(
        100 - facets[name].score for name in OCEAN_120.domains["extraversion"]
    ) * 6 + sum(100 - facets[name].score for name in ("emotionality", "adventurousness"))
    assert result.dark_side_indicators["detached"] == pytest.approx(expected / 8)


def test_no_inventory_is_known_by_name() -> None:
    """All that come along score, by their own lists."""
    for name in built_in():
        chosen = inventory(name)
        answers: dict[int, Any] = dict.fromkeys(range(1, len(chosen.items) + 1), 3)
        result = score(assessment(answers, assessmentType=name), chosen)
        assert [result.scores[domain] for domain in chosen.domains] == [50] * 5
        assert result.inventory == name
