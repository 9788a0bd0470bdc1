"""Bringing an entity's summary, alerts and due date up to its facts.

All of it is one conditional write. The summary's version is read before the facts: who writes
last has therefore seen every fact whose own refresh came before, and nothing told is told again.
Whoever took in events writes the summary even if it stays as it was: its version tells all others
that there are facts they have not seen.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from tallybrook.entities.alerts import Kept, alert_of
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.measuring import View
from tallybrook.entities.places import OUTBOX, Entity, alert_key, alerts_partition
from tallybrook.entities.ruling import Edge, look_back_days, steps_of, untold
from tallybrook.entities.storing import ATTEMPTS, pause
from tallybrook.entities.summary import (
    Summary,
    decode_summary,
    encode_summary,
    facts_of,
    stored_facts,
)
from tallybrook.entities.warm import Warm
from tallybrook.errors import ConflictError, StorageError
from tallybrook.events.instants import DAY_US, MAX_US
from tallybrook.ports.state import ABSENT, MAX_CHANGES, Change, Delete, Put, State, Stored

ALERTS_KEPT_S = 400 * 86_400
_ALERTS_A_WRITE = 30
_PRUNED_A_WRITE = 20


class Touched(Struct, frozen=True):
    """An entity to refresh. Nothing it was before ``since`` (µs) has changed; ``due`` is the key
    of a due date that has come."""

    entity: Entity
    since: int
    due: str | None = None


class Plan(Struct):
    """What a refresh has to write, where in it the summary is (None: nowhere), and whether more
    is left for another round."""

    touched: Touched
    changes: list[Change]
    summary: int | None = None
    more: bool = False


class Desk(Struct, frozen=True):
    """What a refresh works with."""

    state: State
    catalog: Catalog
    warm: Warm
    now_us: int


def refresh_all(
    state: State, catalog: Catalog, touched: Sequence[Touched], now_us: int,
    warm: Warm | None = None,
) -> None:  # fmt: skip
    """Refresh entities, many in a write. Raises ``StorageError``: call it again with the same.

    ``warm`` has what is known of entities, and gets it.
    """
    desk = Desk(state, catalog, Warm() if warm is None else warm, now_us)
    waiting: list[Plan] = []
    for one in touched:
        plan = _plan(desk, one)
        twice = any(other.touched.entity == one.entity for other in waiting)
        if twice or sum(len(p.changes) for p in waiting) + len(plan.changes) > MAX_CHANGES:
            _flush(desk, waiting)
            waiting = []
        if plan.more:
            _refresh(desk, one)
        elif plan.changes:
            waiting.append(plan)
    _flush(desk, waiting)


def _flush(desk: Desk, plans: Sequence[Plan]) -> None:
    try:
        _write(desk, plans)
    except ConflictError:
        for plan in plans:
            _refresh(desk, plan.touched)


def _write(desk: Desk, plans: Sequence[Plan]) -> None:
    """All of it at once."""
    changes = [change for plan in plans for change in plan.changes]
    versions = desk.state.write(changes) if changes else []
    at = 0
    for plan in plans:
        if plan.summary is not None:
            desk.warm.written(plan.touched.entity, versions[at + plan.summary])
        at += len(plan.changes)


def _refresh(desk: Desk, one: Touched) -> None:
    attempt = 0
    while attempt < ATTEMPTS:
        plan = _plan(desk, one)
        try:
            _write(desk, [plan])
            if not plan.more:
                return
        except ConflictError:
            desk.warm.drop(one.entity)
            pause(attempt)
            attempt += 1
    raise StorageError(f"a summary: others were faster {ATTEMPTS} times")


def _plan(desk: Desk, one: Touched) -> Plan:
    entity, catalog = one.entity, desk.catalog
    held = desk.state.get(entity.list, entity.entity_id)  # before the facts, see above
    before = decode_summary(held.value) if held else None
    view = _view(desk, entity, held)
    if view is None:  # forgotten, or of definitions that are no more
        return Plan(one, _leave(entity, held, before, one.due))
    after, edges, more = _judge(catalog, view, before, one, desk.now_us)
    plan = Plan(one, _due_changes(entity, before, after, one.due), more=more)
    _add_summary(plan, held, after, view.lasts_until_s)
    for edge in edges:
        rule = next(rule for rule in catalog.rules[entity.entity_type] if rule.name == edge.rule)
        plan.changes += _alert_changes(alert_of(edge, rule, view, entity), desk.now_us)
    horizon = desk.now_us - catalog.definitions.remember_days * DAY_US
    for key in view.superseded(horizon)[:_PRUNED_A_WRITE]:
        plan.changes.append(Delete(entity.facts, key))
        view.forget(key)
    return plan


def _view(desk: Desk, entity: Entity, held: Stored | None) -> View | None:
    """An entity's facts, at hand or read; None when there are none."""
    known = desk.catalog.types.get(entity.entity_type)
    version = ABSENT if held is None else held.version
    days = desk.catalog.definitions.remember_days
    view = desk.warm.find(entity, version, desk.now_us, days)
    if view is None and known is not None:
        view = View(known, facts_of(stored_facts(desk.state, entity)))
        desk.warm.keep(entity, version, desk.now_us, view)
    return view if view and view.size else None


def _judge(
    catalog: Catalog, view: View, before: Summary | None, one: Touched, now_us: int
) -> tuple[Summary, list[Edge], bool]:
    """The summary as it has to be, the edges that it tells first, and whether there are more."""
    same = before is not None and before.made_of == catalog.fingerprint
    told = list(before.told) if before else []
    held = before.holds if before and same else {}
    unchanged = min(one.since, before.since) if before and same else -MAX_US
    fresh: list[Edge] = []
    holds: dict[str, int] = {}
    kept: list[Edge] = []
    rules = catalog.rules[view.entity.type]
    for rule in rules:
        days = catalog.definitions.remember_days - look_back_days(rule, view)
        earliest = now_us - days * DAY_US
        mine = [edge for edge in told if edge.rule == rule.name]
        found, since = untold(rule, view, mine, unchanged, earliest, now_us, held.get(rule.name))
        fresh += found
        kept += _remembered(mine, earliest)
        if since is not None:
            holds[rule.name] = since
    fresh.sort(key=lambda edge: edge.at)
    edges, more = fresh[:_ALERTS_A_WRITE], len(fresh) > _ALERTS_A_WRITE
    low, high = view.span(now_us, [one for rule in rules for one in steps_of(rule, view)])
    told = sorted([*kept, *edges], key=lambda edge: (edge.rule, edge.at))
    # A summary that has not told all of its edges is made of nothing: all is looked at again.
    made_of = "" if more else catalog.fingerprint
    summary = Summary(low, high, made_of, view.metrics(now_us), view.reported(now_us), told, holds)
    return summary, edges, more


def _remembered(told: list[Edge], earliest: int) -> list[Edge]:
    """Edges of the time that is looked at, and the last before it: its episode may go on."""
    recent = [edge for edge in told if edge.at >= earliest]
    older = [edge for edge in told if edge.at < earliest]
    return [*sorted(older, key=lambda edge: edge.at)[-1:], *recent]


def _due_changes(
    entity: Entity, before: Summary | None, after: Summary, due: str | None
) -> list[Change]:
    """The due date of the summary, in the place of those before it."""
    new = entity.due_key(after.until) if after.until < MAX_US else None
    old = _old_dues(entity, before, due)
    changes: list[Change] = [Delete(entity.due, key) for key in sorted(old) if key != new]
    if new is not None and new not in old:
        changes.append(Put(entity.due, new, msgspec.msgpack.encode(entity)))
    return changes


def _add_summary(plan: Plan, held: Stored | None, after: Summary, until_s: int) -> None:
    """The summary, unless time alone passed and it is as it was."""
    entity, value = plan.touched.entity, encode_summary(after)
    same = held is not None and (held.value, held.expires_at_s) == (value, until_s or None)
    if same and plan.touched.since >= MAX_US:
        return
    version = ABSENT if held is None else held.version
    plan.summary = len(plan.changes)
    plan.changes.append(Put(entity.list, entity.entity_id, value, version, until_s or None))


def _old_dues(entity: Entity, before: Summary | None, due: str | None) -> set[str]:
    known = {entity.due_key(before.until)} if before and before.until < MAX_US else set()
    return known | ({due} if due else set())


def _leave(
    entity: Entity, held: Stored | None, before: Summary | None, due: str | None
) -> list[Change]:
    changes: list[Change] = [Delete(entity.due, key) for key in _old_dues(entity, before, due)]
    if held is not None:
        changes.append(Delete(entity.list, entity.entity_id, held.version))
    return changes


def _alert_changes(kept: Kept, now_us: int) -> list[Change]:
    """Where alerts are listed, and where they wait for the bus."""
    value = msgspec.msgpack.encode(kept)
    key = alert_key(kept.at, kept.alert.alert_id)
    expires_at_s = now_us // 1_000_000 + ALERTS_KEPT_S
    return [
        Put(alerts_partition(kept.account_id), key, value, None, expires_at_s),
        Put(OUTBOX, kept.alert.alert_id, value),
    ]
