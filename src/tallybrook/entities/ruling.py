"""Alert rules over time: when each held, and which of it has not been told yet. Pure.

The level of a rule is a step function of time, known from the facts. An *episode* is an unbroken
time in which it is above nothing; within one, each severity is told once, on entering and on
escalation. Telling depends on what the facts say of the past, not on when they came in.
"""

import operator
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from tallybrook.entities.definitions import SEVERITIES, Rule, Severity, Value
from tallybrook.entities.measuring import View
from tallybrook.entities.steps import Steps
from tallybrook.events.instants import DAY_US

_OPS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge, ">": operator.gt, "<": operator.lt, "<=": operator.le, "==": operator.eq,
}  # fmt: skip


class Edge(Struct, frozen=True, array_like=True):
    """A rule reached a severity at an instant (µs)."""

    rule: str
    at: int
    severity: Severity


class Episode(Struct):
    """From ``start`` to ``end`` (exclusive; None: it goes on) a rule held. ``edges`` rise."""

    start: int
    end: int | None
    edges: list[Edge]

    def holds(self, at: int) -> bool:
        return self.start <= at and (self.end is None or at < self.end)


def rank(severity: Severity) -> int:
    return SEVERITIES.index(severity) + 1


def operand(rule: Rule, view: View, x: int) -> Value | None:
    """What the rule compares at x; None when there is nothing to compare."""
    computed = view.value(rule.metric, x)
    if rule.or_reported is None:
        return computed
    steps = view.told(view.entity.reported, rule.or_reported.field)
    index = steps.last(x)
    if index < 0 or steps.at[index] <= x - rule.or_reported.younger_than_days * DAY_US:
        return computed
    reported = steps.values[index]
    if isinstance(computed, int | float) and isinstance(reported, int | float):
        return max(computed, reported)
    return reported if computed is None else computed


def level(rule: Rule, view: View, x: int) -> int:
    """The highest rank that holds at x, 0 for none."""
    if rule.requires is not None:
        enough = view.value(rule.requires.metric, x)
        if not isinstance(enough, int | float) or enough < rule.requires.at_least:
            return 0
    value = operand(rule, view, x)
    return max(
        (rank(one.severity) for one in rule.levels if _holds(rule.op, value, one.value)), default=0
    )


def _holds(op: str, value: Value | None, threshold: Value) -> bool:
    if value is None or isinstance(value, str) != isinstance(threshold, str):
        return False
    return bool(_OPS[op](value, threshold))


def look_back_days(rule: Rule, view: View) -> int:
    """The longest window that the rule looks through."""
    return max(days for _, days in steps_of(rule, view))


def steps_of(rule: Rule, view: View) -> list[tuple[Steps, int]]:
    """What a rule is made of, as ``View.steps_of``."""
    steps = view.steps_of(rule.metric)
    if rule.requires is not None:
        steps = steps + view.steps_of(rule.requires.metric)
    if rule.or_reported is not None:
        told = view.told(view.entity.reported, rule.or_reported.field)
        steps = [*steps, (told, rule.or_reported.younger_than_days)]
    return steps


def _instants(steps: Sequence[tuple[Steps, int]], start: int, end: int) -> list[int]:
    """When the level may step, past ``start`` and up to ``end``."""
    found: set[int] = set()
    for one, days in steps:
        for shift in {0, days * DAY_US}:
            first = bisect_right(one.at, start - shift)
            last = bisect_right(one.at, end - shift)
            found.update(at + shift for at in one.at[first:last])
    return sorted(found)


def episodes(rule: Rule, view: View, start: int, now: int) -> list[Episode]:
    """The episodes that touch (start, now]. Of one that holds at ``start`` already the beginning
    is the newest fact by then."""
    steps = steps_of(rule, view)
    found: list[Episode] = []
    told = 0
    first = level(rule, view, start)
    if first:
        begin = max(
            (one.at[one.last(start)] for one, _ in steps if one.last(start) >= 0), default=start
        )
        found.append(Episode(begin, None, [Edge(rule.name, begin, SEVERITIES[first - 1])]))
        told = first
    for x in _instants(steps, start, now):
        now_at = level(rule, view, x)
        if now_at == 0 and told:
            found[-1].end = x
        elif now_at > told:
            edge = Edge(rule.name, x, SEVERITIES[now_at - 1])
            if told:
                found[-1].edges.append(edge)
            else:
                found.append(Episode(x, None, [edge]))
        told = max(told, now_at) if now_at else 0
    return found


def untold(
    rule: Rule, view: View, told: Sequence[Edge], since: int, earliest: int, now: int,
    held: int | None = None,
) -> tuple[list[Edge], int | None]:  # fmt: skip
    """The edges up to ``now`` that nobody was told of, and since when the rule holds (None: not).

    ``told``: what was told of this rule before; ``since``: what came before it is as it was when
    that was told. ``held``: since when the rule held without a break then, up to ``since`` at
    least where that is later. Nothing is known of before ``earliest``, as facts were forgotten.
    """
    start = max(since - 1, earliest)
    if held is not None and held < since and level(rule, view, start):
        return _going_on(rule, view, told, held, start, now)
    before = sorted({edge.at for edge in told if edge.at <= start}, reverse=True)
    while before and start > earliest and level(rule, view, start):
        start = max(before.pop(0) - 1, earliest)
    found = episodes(rule, view, start, now)
    cut = bool(found) and start == earliest and level(rule, view, start) > 0
    fresh: list[Edge] = []
    for episode in found:
        forgotten = cut and episode is found[0]
        known = {
            edge.severity
            for edge in told
            if episode.holds(edge.at) or (forgotten and edge.at <= start)
        }
        fresh += [edge for edge in episode.edges if edge.severity not in known]
    if not found or found[-1].end is not None:
        return fresh, None
    # Of an episode that began before anything is known of, what was told of it knows more.
    older = [edge.at for edge in told if edge.at <= start] if cut and len(found) == 1 else []
    return fresh, min([found[-1].start, *older])


def _going_on(
    rule: Rule, view: View, told: Sequence[Edge], held: int, start: int, now: int
) -> tuple[list[Edge], int | None]:
    """``untold`` of a rule that has held from ``held`` to ``start``: its past need not be looked
    at again, however long it is."""
    found = episodes(rule, view, start, now)
    first = found[0]
    first.start = held
    reached = max((rank(e.severity) for e in told if held <= e.at <= start), default=0)
    first.edges = [edge for edge in first.edges if rank(edge.severity) > reached]
    fresh: list[Edge] = []
    for episode in found:
        known = {edge.severity for edge in told if episode.holds(edge.at)}
        fresh += [edge for edge in episode.edges if edge.severity not in known]
    return fresh, None if found[-1].end is not None else found[-1].start
