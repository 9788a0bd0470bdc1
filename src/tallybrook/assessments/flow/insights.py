"""What many scores come to: how many people, how scores are spread, trends, anomalies. Pure.

Each person counts once, with the first of their scores. What fewer than k people are behind is
null, whole weeks too, and with them others that would give them away. Memory does not grow with
the number of scores, but for eight bytes or so a person, of whom ``MAX_PEOPLE`` at most count.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tallybrook.assessments.flow.distributions import spread
from tallybrook.assessments.flow.insight_weeks import Moments, Trends, trends
from tallybrook.assessments.flow.shapes import Spread
from tallybrook.errors import InvalidError
from tallybrook.events.ids import content_id
from tallybrook.events.instants import DAY_US, parse_instant

MAX_PEOPLE = 200_000
OTHER = "other"
INCONSISTENT = 0.30
"""Below this consistency answers are called inconsistent (SPEC 4)."""

_PERSON = ("anonymous_user_id", "anonymousUserId", "userId", "user_id")
_ASSESSMENT = ("assessment_id", "assessmentId")
_TYPE = ("assessment_type", "assessmentType", "inventory")
_WEEK_US = 7 * DAY_US
_MONDAY_US = 4 * DAY_US
"""1970-01-05 was one."""
_HUNDREDTHS = 100


class Quality(Struct):
    """How many people's answers tell against themselves; null below k."""

    inconsistent: int | None
    unscored: int | None


class Insight(Struct):
    """The scores of one inventory. ``reason`` says why there is nothing more than it."""

    assessment_type: str
    people: int | None
    reason: str | None
    domains: dict[str, Spread]
    facets: dict[str, Spread]
    quality: Quality | None
    trends: Trends | None


class Insights(Struct):
    """``complete`` is false where there were more people than are counted."""

    k: int
    complete: bool
    insights: list[Insight]


class _Kind(Struct):
    """What is gathered of one inventory. Scores are counted by hundredths."""

    people: int = 0
    scales: dict[tuple[str, str], Counter[int]] = msgspec.field(default_factory=dict)
    weeks: dict[int | None, dict[str, Moments]] = msgspec.field(default_factory=dict)
    week_people: Counter[int | None] = msgspec.field(default_factory=Counter)
    inconsistent: int = 0
    unscored: int = 0


class Words(Struct, frozen=True):
    """The names that may come out: of inventories, domains and facets. Others are dropped."""

    kinds: tuple[str, ...]
    domains: tuple[str, ...]
    facets: tuple[str, ...]


class Gathering:
    """Takes scores one by one."""

    def __init__(self, k: int, words: Words) -> None:
        self._k, self._words = k, words
        self._seen, self._complete = set[int](), True
        self._kinds: dict[str, _Kind] = {}

    def add(self, row: Mapping[str, Raw]) -> bool:
        """Take one in; False for a person who has been counted. Raises ``InvalidError``, which
        quotes nothing."""
        read = _read(row, self._words)
        if read.person in self._seen:
            return False
        if len(self._seen) >= MAX_PEOPLE:
            self._complete = False
            return False
        self._seen.add(read.person)
        _count(self._kinds.setdefault(read.kind, _Kind()), read)
        return True

    def finish(self) -> bytes:
        """The insights as JSON; the same scores in the same order give the same bytes."""
        domains = self._words.domains
        found = [
            _insight(name, kind, domains, self._k) for name, kind in sorted(self._kinds.items())
        ]
        return msgspec.json.encode(Insights(self._k, self._complete, found))


class _Read(Struct):
    person: int
    kind: str
    week: int | None
    domains: dict[str, float]
    facets: dict[str, float]
    consistency: float | None


def _read(row: Mapping[str, Raw], words: Words) -> _Read:
    scores = _plain(row, "scores")
    if not isinstance(scores, dict):
        raise InvalidError.of("/scores", "must be an object")
    facets = scores.get("facets") or {}
    if not isinstance(facets, dict):
        raise InvalidError.of("/scores/facets", "must be an object")
    inner = {name: _inner(facets.get(name)) for name in words.facets}
    return _Read(
        _person(row), _kind(row, words.kinds), _week(_plain(row, "timestamp")),
        _numbers({name: scores.get(name) for name in words.domains}, "/scores"),
        _numbers(inner, "/scores/facets"), _share(scores.get("consistency")),
    )  # fmt: skip


def _person(row: Mapping[str, Raw]) -> int:
    for name in (*_PERSON, *_ASSESSMENT):
        value = _plain(row, name)
        if isinstance(value, str | int) and value != "" and not isinstance(value, bool):
            return int(content_id(str(value))[:15], 16)
    raise InvalidError.of("/anonymous_user_id", "or an assessment's id is required")


def _kind(row: Mapping[str, Raw], kinds: Sequence[str]) -> str:
    named = next((found for name in _TYPE if (found := _plain(row, name)) is not None), kinds[0])
    return named if named in kinds else OTHER


def _week(stamp: Any) -> int | None:
    instant = parse_instant(stamp) if isinstance(stamp, str) else None
    if instant is None:
        return None
    return (instant - _MONDAY_US) // _WEEK_US * _WEEK_US + _MONDAY_US


def _numbers(found: Mapping[str, Any], pointer: str) -> dict[str, float]:
    known = {name: value for name, value in found.items() if value is not None}
    for name, value in known.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            raise InvalidError.of(f"{pointer}/{name}", "must be a score from 0 to 100")
    return known


def _share(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _inner(value: Any) -> Any:
    return value.get("score") if isinstance(value, dict) else value


def _plain(row: Mapping[str, Raw], name: str) -> Any:
    return msgspec.json.decode(row[name]) if name in row else None


def _count(kind: _Kind, read: _Read) -> None:
    kind.people += 1
    kind.unscored += not read.domains
    kind.inconsistent += read.consistency is not None and read.consistency < INCONSISTENT
    for group, scores in (("domain", read.domains), ("facet", read.facets)):
        for name, value in scores.items():
            cells = kind.scales.setdefault((group, name), Counter())
            cells[round(value * _HUNDREDTHS)] += 1
    kind.week_people[read.week] += 1
    week = kind.weeks.setdefault(read.week, {})
    for name, value in read.domains.items():
        week.setdefault(name, Moments()).add(value)


def _insight(name: str, kind: _Kind, domains: Sequence[str], k: int) -> Insight:
    if kind.people < k:
        return Insight(name, None, f"fewer than {k} people", {}, {}, None, None)
    return Insight(
        name, kind.people, None, _spreads(kind, "domain", k), _spreads(kind, "facet", k),
        Quality(_shown(kind.inconsistent, kind.people, k), _shown(kind.unscored, kind.people, k)),
        trends(kind.week_people, kind.weeks, domains, k),
    )  # fmt: skip


def _spreads(kind: _Kind, group: str, k: int) -> dict[str, Spread]:
    return {
        name: spread((cell / _HUNDREDTHS for cell in cells.elements()), k)
        for (of, name), cells in sorted(kind.scales.items())
        if of == group
    }


def _shown(part: int, whole: int, k: int) -> int | None:
    """A part of the people: neither it nor the rest may be a small group."""
    small = 0 < part < k or 0 < whole - part < k
    return None if small else part
