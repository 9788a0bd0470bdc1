"""People who answered a questionnaire, simulated from the inventory's published norms. Pure: the
same anchor, the same bytes.

Nobody real is behind them. A person has a sex and an age, a true value of every facet drawn from
the mean and standard deviation of their norm group, and answers around it. What is added to the
norms: facets of a domain go together as closely as the domain's own standard deviation says, and
answers are as unreliable as four items on average (alpha .68; Johnson, 2014). A few are careless.
"""

import random
from collections.abc import Mapping
from math import sqrt
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tallybrook.assessments.inventories import Inventory, NormGroup
from tallybrook.assessments.norms import group_of
from tallybrook.demo.history import NDJSON, Request
from tallybrook.events.instants import DAY_US, HOUR_US, format_instant

PEOPLE, DAYS = 160, 42
AGAIN_EVERY = 4
"""Each so many take it a second time, three weeks later."""

TOGETHER = 40
"""Assessments in one request: between two of them the demo sends its live events."""

EVERY = 97
"""Steps of the demo from one live assessment to the next."""

CARELESS = 0.09
ALPHA = 0.68
_SEED = 23

Manner = Literal["careful", "straight", "random", "run"]
Assessment = dict[str, Any]
_encode = msgspec.json.encode

_INDUSTRIES = {"Technology": 9, "Healthcare": 7, "Finance": 6, "Education": 5, "Retail": 4}
_COUNTRIES = {"United States": 8, "Germany": 5, "Japan": 3, "Brazil": 3, "Kenya": 2}
_ROLES = {"Engineer": 9, "Senior Analyst": 6, "Team Manager": 4, "Director": 2, "CEO": 1}
_MANNERS: dict[Manner, float] = {"straight": 1.0, "random": 1.0, "run": 1.0}


class Person(Struct, frozen=True):
    """Who they are, how they answer, and how far from their group's mean each facet is, in its
    standard deviations."""

    number: int
    sex: Literal["female", "male"]
    age: int
    group: NormGroup
    manner: Manner
    facets: Mapping[str, float]
    told: Mapping[str, Any]


def history(inventory: Inventory, anchor_us: int) -> list[tuple[int, Request]]:
    """How many assessments, and the request that sends them, of the weeks before the anchor, in
    the order of their times."""
    sent: list[tuple[int, bytes]] = []
    for number in range(1, PEOPLE + 1):
        who = person(inventory, number)
        draw = random.Random(f"{_SEED}/time/{number}")
        at = anchor_us - int(draw.uniform(0.05, DAYS) * DAY_US)
        sent.append((at, _encode(assessment(inventory, who, at, 1))))
        later = at + DAYS // 2 * DAY_US
        if number % AGAIN_EVERY == 0 and later < anchor_us:
            sent.append((later, _encode(assessment(inventory, who, later, 2))))
    lines = [line for _, line in sorted(sent)]
    parts = [lines[at : at + TOGETHER] for at in range(0, len(lines), TOGETHER)]
    return [
        (len(part), Request("POST", "/assessments/batch", b"\n".join(part), NDJSON))
        for part in parts
    ]


def live_step(n: int, inventory: Inventory, now_us: int) -> list[Request]:
    """The requests of step ``n`` of the demo (from 0): one in ``EVERY`` has an assessment of
    somebody new."""
    if n % EVERY != EVERY // 2:
        return []
    who = person(inventory, PEOPLE + 1 + n // EVERY)
    return [Request("POST", "/assessments", _encode(assessment(inventory, who, now_us, 1)))]


def person(inventory: Inventory, number: int) -> Person:
    """The person of that number: always the same."""
    draw = random.Random(f"{_SEED}/{number}")
    sex: Literal["female", "male"] = draw.choice(("female", "male"))
    age = min(75, max(17, round(draw.gauss(36, 13))))
    group = group_of(inventory, {"gender": sex, "age": age})
    if group is None:
        raise ValueError(f"inventory {inventory.id} has no norms for {sex}, {age}")
    manner: Manner = "careful"
    if draw.random() < CARELESS:
        manner = draw.choices(list(_MANNERS), list(_MANNERS.values()))[0]
    return Person(
        number, sex, age, group, manner, _facets(inventory, group, draw), _told(age, draw)
    )


def _facets(inventory: Inventory, group: NormGroup, draw: random.Random) -> dict[str, float]:
    """Standard normal, correlated inside a domain."""
    found: dict[str, float] = {}
    for domain, facets in inventory.domains.items():
        # Of true values: what is seen of a correlation is less, by the answers' unreliability.
        shared = min(0.95, correlation(group, domain, facets) / ALPHA)
        common = draw.gauss(0, 1)
        for facet in facets:
            found[facet] = sqrt(shared) * common + sqrt(1 - shared) * draw.gauss(0, 1)
    return found


def correlation(group: NormGroup, domain: str, facets: tuple[str, ...]) -> float:
    """The mean correlation of a domain's facets that the published deviations imply: the variance
    of a sum is that of its parts and twice their covariances."""
    parts = [group.scales[facet][1] for facet in facets]
    squares = sum(part**2 for part in parts)
    both = sum(parts) ** 2 - squares
    return max(0.0, (group.scales[domain][1] ** 2 - squares) / both)


def _told(age: int, draw: random.Random) -> dict[str, Any]:
    def one_of(weights: dict[str, int]) -> str:
        return draw.choices(list(weights), list(weights.values()))[0]

    return {
        "industry": one_of(_INDUSTRIES), "country": one_of(_COUNTRIES), "role": one_of(_ROLES),
        "yearsExperience": draw.randint(0, max(0, age - 20)),
    }  # fmt: skip


def assessment(inventory: Inventory, who: Person, at_us: int, sitting: int) -> Assessment:
    """A raw assessment of a person: the same sitting at the same time has the same answers."""
    draw = random.Random(f"{_SEED}/{who.number}/{sitting}")
    hurried = who.manner != "careful"
    return {
        "userId": f"respondent-{who.number:04d}",
        "assessmentId": f"demo-{who.number:04d}-{sitting}",
        "assessmentType": inventory.id,
        "version": "1.0",
        "timestamp": format_instant(at_us // HOUR_US * HOUR_US),
        "completionTime": round(draw.uniform(1.5, 4) * 60_000 * (1 if hurried else 4)),
        "responses": [
            {"questionId": item, "answer": answer}
            for item, answer in zip(
                (item.id for item in inventory.items), _answers(inventory, who, draw), strict=True
            )
        ],
        "demographics": {"age": who.age, "gender": who.sex, **who.told},
        "metadata": {"platform": draw.choice(("web", "iOS", "Android"))},
    }


def _answers(inventory: Inventory, who: Person, draw: random.Random) -> list[int]:
    careful = _careful(inventory, who, draw)
    size = len(careful)
    if who.manner == "straight":
        return [draw.choice((2, 3, 4))] * size
    if who.manner == "random":
        return [draw.randint(1, 5) for _ in careful]
    if who.manner == "run":
        first, tired = size // 3, draw.choice((3, 4))
        return careful[:first] + [tired] * (size - first)
    return careful


def _careful(inventory: Inventory, who: Person, draw: random.Random) -> list[int]:
    """Each answer is the share of the true value that falls to an item, and an error that makes
    the sum as unreliable as ``ALPHA``."""
    sizes = dict.fromkeys(inventory.facets, 0)
    for item in inventory.items:
        sizes[item.facet] += 1
    answers: list[int] = []
    for item in inventory.items:
        mean, deviation = who.group.scales[item.facet]
        size = sizes[item.facet]
        true = (mean + sqrt(ALPHA) * deviation * who.facets[item.facet]) / size
        keyed = true + draw.gauss(0, deviation * sqrt((1 - ALPHA) / size))
        chosen = min(5, max(1, round(keyed)))
        answers.append(6 - chosen if item.reversed else chosen)
    return answers
