"""Simulated respondents are as the published norms say, and the careless ones are seen."""

import json
from collections import Counter, defaultdict
from statistics import fmean, stdev
from typing import Any

import pytest

from tallybrook.assessments.library import inventory
from tallybrook.assessments.scoring import Result, score
from tallybrook.demo import respondents
from tallybrook.events.instants import DAY_US, parse_instant
from tests.entities.world import NOW_US

OCEAN_120 = inventory("ocean-120")


@pytest.fixture(scope="module")
def scored() -> list[tuple[respondents.Person, Result]]:
    people = [respondents.person(OCEAN_120, number) for number in range(1, 351)]
    return [
        (who, score(respondents.assessment(OCEAN_120, who, NOW_US, 1), OCEAN_120)) for who in people
    ]


def test_they_are_as_the_norms_say(scored: list[tuple[respondents.Person, Result]]) -> None:
    """Held against their own norm group careful people have a mean of about 50 and a standard
    deviation of about 10 on every scale, domains too."""
    found: dict[str, list[float]] = defaultdict(list)
    for who, result in scored:
        assert result.norms is not None
        if who.manner == "careful":
            for name, standing in result.norms.scales.items():
                found[name].append(standing.t)
    assert len(found) == 35
    for name, values in found.items():
        assert fmean(values) == pytest.approx(50, abs=3), name
        assert stdev(values) == pytest.approx(9.3, abs=2.2), name


def test_the_careless_are_seen(scored: list[tuple[respondents.Person, Result]]) -> None:
    """There are some of every manner; who gives one answer on and on has a long run, who answers at
    random is nearly always inconsistent, and careful people hardly ever."""
    manners = Counter(who.manner for who, _ in scored)
    assert set(manners) == {"careful", "straight", "random", "run"}
    assert 0.02 < 1 - manners["careful"] / 350 < 0.2
    for who, result in scored:
        if who.manner in ("straight", "run"):
            assert result.validity.long_run
    bad = Counter(who.manner for who, result in scored if result.validity.verdict == "inconsistent")
    assert bad["random"] >= 0.7 * manners["random"]
    assert bad["careful"] < 0.05 * manners["careful"]


def test_the_history(scored: list[tuple[respondents.Person, Result]]) -> None:
    """The same anchor gives the same bytes, in the order of their times, in the weeks before it;
    every assessment has an id of its own, and no group of the page is small for everybody."""
    sent = respondents.history(OCEAN_120, NOW_US)
    assert sent == respondents.history(OCEAN_120, NOW_US)
    told: list[dict[str, Any]] = [
        json.loads(line) for _, request in sent for line in request.body.split(b"\n")
    ]
    assert len(told) == sum(count for count, _ in sent) > respondents.PEOPLE
    assert len({one["assessmentId"] for one in told}) == len(told)
    times = [parse_instant(one["timestamp"]) or 0 for one in told]
    assert times == sorted(times)
    assert NOW_US - 43 * DAY_US < times[0] < NOW_US - 35 * DAY_US
    assert NOW_US - 3 * DAY_US < times[-1] <= NOW_US
    assert min(Counter(one["demographics"]["industry"] for one in told).values()) >= 10
