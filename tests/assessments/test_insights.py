"""Insights of many scores: true figures, and none about fewer than k people."""

import json
import random
from collections import Counter
from math import sqrt
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from tallybrook.assessments.flow.insights import Gathering, Words
from tallybrook.assessments.library import built_in, inventory
from tallybrook.errors import InvalidError
from tallybrook.events.instants import DAY_US, format_instant, parse_instant

K = 5
KNOWN = inventory("ocean-120")
WORDS = Words(tuple(built_in()), tuple(KNOWN.domains), KNOWN.facets)
MONDAY = parse_instant("2026-03-02") or 0


def row(person: str, openness: float | None, week: int | None = 0, **more: Any) -> dict[str, Any]:
    scores = {"openness": openness, "facets": {"anger": {"score": 40, "responses": 4}}}
    stamp = None if week is None else format_instant(MONDAY + (7 * week + 3) * DAY_US)
    return {"anonymous_user_id": person, "timestamp": stamp, "scores": scores} | more


def gathered(rows: list[dict[str, Any]], k: int = K) -> Any:
    gathering = Gathering(k, WORDS)
    for one in rows:
        gathering.add({name: Raw(json.dumps(value).encode()) for name, value in one.items()})
    return json.loads(gathering.finish())


def test_figures_are_those_of_the_scores() -> None:
    """Count, mean, deviation, and the interval of each week's mean."""
    draw = random.Random(1)
    values = [round(draw.uniform(0, 100), 2) for _ in range(60)]
    (found,) = gathered([row(f"p{n}", value, n // 20) for n, value in enumerate(values)])[
        "insights"
    ]
    spread = found["domains"]["openness"]
    assert (found["people"], spread["people"]) == (60, 60)
    assert spread["mean"] == round(fmean(values), 2)
    assert spread["std_dev"] == round(stdev(values), 2)
    weeks = found["trends"]["weeks"]
    assert [week["start"] for week in weeks] == ["2026-03-02", "2026-03-09", "2026-03-16"]
    shown = weeks[1]["domains"]["openness"]
    low, high = shown["interval"]
    half = 2.093 * stdev(values[20:40]) / sqrt(20)  # t with 19 degrees of freedom
    assert shown["mean"] == round(fmean(values[20:40]), 2)
    assert (high - low) / 2 == pytest.approx(half, abs=0.02)
    assert found["facets"]["anger"]["mean"] == 40


def test_a_slope_and_a_week_that_stands_out() -> None:
    """Two points a week are found as that; one week far off is an anomaly, a quiet one is none."""
    rows = [row(f"{week}-{n}", 30 + 2 * week + n % 3, week) for week in range(8) for n in range(12)]
    (found,) = gathered(rows)["insights"]
    slope = found["trends"]["slopes"]["openness"]
    assert slope["per_week"] == 2.0
    assert slope["interval"] == [2.0, 2.0]
    assert found["trends"]["anomalies"] == []
    rows = [row(f"{week}-{n}", 50 + n % 5 + week % 2, week) for week in range(8) for n in range(12)]
    rows += [row(f"odd-{n}", 90 + n % 5, 8) for n in range(40)]
    (found,) = gathered(rows)["insights"]
    odd = [(one["start"], one["what"], one["domain"]) for one in found["trends"]["anomalies"]]
    assert odd == [("2026-04-27", "mean", "openness"), ("2026-04-27", "people", None)]


def test_a_person_counts_once_and_bad_rows_are_refused() -> None:
    """With the first of their scores."""
    gathering = Gathering(K, WORDS)
    first = {"userId": Raw(b'"u"'), "scores": Raw(b'{"openness":1}')}
    assert [gathering.add(first), gathering.add(first)] == [True, False]
    for bad in (
        {"scores": Raw(b"{}")},
        {"userId": Raw(b'"v"')},
        {"userId": Raw(b'"v"'), "scores": Raw(b'{"openness":101}')},
        {"userId": Raw(b'"v"'), "scores": Raw(b'{"openness":"jane"}')},
        {"userId": Raw(b'"v"'), "scores": Raw(b'{"facets":{"anger":true}}')},
    ):
        with pytest.raises(InvalidError):
            gathering.add(bad)


def test_names_of_others_do_not_come_out() -> None:
    """Domains, facets and inventories are words of ours."""
    rows = [
        row(f"p{n}", 50, assessmentType="jane", scores={"jane": 1, "facets": {"jane": 2}})
        for n in range(9)
    ]
    found = gathered(rows)
    assert "jane" not in json.dumps(found)
    assert found["insights"][0]["assessment_type"] == "other"


WEEKS = st.lists(st.tuples(st.integers(0, 99), st.none() | st.integers(0, 4)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(WEEKS)
def test_fewer_than_k_people_are_behind_no_figure(drawn: list[tuple[int, int | None]]) -> None:
    """Neither shown, nor found by taking what is shown from the whole."""
    rows = [row(f"p{n}", value, week) for n, (value, week) in enumerate(drawn)]
    for found in gathered(rows)["insights"]:
        if len(rows) < K:
            assert (found["people"], found["domains"], found["trends"]) == (None, {}, None)
            continue
        shown = {week["start"]: week["people"] for week in found["trends"]["weeks"]}
        true = Counter(week for _, week in drawn)
        assert min(shown.values(), default=K) >= K
        assert found["trends"]["withheld"] == len(true) - len(shown)
        left = len(rows) - sum(shown.values())
        assert left == 0 or (left >= K and found["trends"]["withheld"] > 1)
        cells = found["domains"]["openness"]["histogram"]
        assert all(cell is None or cell == 0 or cell >= K for cell in cells)
