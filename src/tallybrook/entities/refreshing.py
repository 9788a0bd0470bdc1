"""Bringing an entity's summary, alerts and due date up to its facts.

All of it is one conditional write. The summary's version is read before the facts: who writes
last has therefore seen every fact whose own refresh came before, and nothing told is told again.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from tallybrook.entities.alerts import Kept, alert_of
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.definitions import EntityType
from tallybrook.entities.facts import Fact
from tallybrook.entities.measuring import View
from tallybrook.entities.places import OUTBOX, Entity, alerts_partition, newest_first
from tallybrook.entities.ruling import Edge, look_back_days, steps_of, untold
from tallybrook.entities.storing import ATTEMPTS, pause
from tallybrook.entities.summary import (
    Summary,
    decode_summary,
    encode_summary,
    facts_of,
    stored_facts,
)
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
    """What a refresh has to write, and whether more is left for another round."""

    changes: list[Change]
    more: bool


def refresh_all(state: State, catalog: Catalog, touched: Sequence[Touched], now_us: int) -> None:
    """Refresh entities, many in a write. Raises ``StorageError``: call it again with the same."""
    waiting: list[Touched] = []
    changes: list[Change] = []
    for one in touched:
        plan = _plan(state, catalog, one, now_us)
        twice = any(other.entity == one.entity for other in waiting)
        if twice or len(changes) + len(plan.changes) > MAX_CHANGES:
            _flush(state, catalog, waiting, changes, now_us)
            waiting, changes = [], []
        if plan.more:
            _refresh(state, catalog, one, now_us)
        elif plan.changes:
            waiting.append(one)
            changes += plan.changes
    _flush(state, catalog, waiting, changes, now_us)


def _flush(
    state: State, catalog: Catalog, waiting: list[Touched], changes: list[Change], now_us: int
) -> None:
    try:
        if changes:
            state.write(changes)
    except ConflictError:
        for one in waiting:
            _refresh(state, catalog, one, now_us)


def _refresh(state: State, catalog: Catalog, one: Touched, now_us: int) -> None:
    attempt = 0
    while attempt < ATTEMPTS:
        plan = _plan(state, catalog, one, now_us)
        try:
            if plan.changes:
                state.write(plan.changes)
            if not plan.more:
                return
        except ConflictError:
            pause(attempt)
            attempt += 1
    raise StorageError(f"a summary: others were faster {ATTEMPTS} times")


def _plan(state: State, catalog: Catalog, one: Touched, now_us: int) -> Plan:
    entity = one.entity
    held = state.get(entity.list, entity.entity_id)  # before the facts, see above
    before = decode_summary(held.value) if held else None
    stored = stored_facts(state, entity)
    known = catalog.types.get(entity.entity_type)
    if known is None or not stored:  # forgotten, or of definitions that are no more
        return Plan(_leave(entity, held, before, one.due), False)
    facts = facts_of(stored)
    view = View(known, facts)
    after, edges, more = _judge(catalog, view, before, one, now_us)
    changes = _summary_changes(entity, held, before, after, facts, one.due)
    for edge in edges:
        rule = next(rule for rule in catalog.rules[known.type] if rule.name == edge.rule)
        changes += _alert_changes(alert_of(edge, rule, view, entity), now_us)
    horizon = now_us - catalog.definitions.remember_days * DAY_US
    old = _superseded(known, facts, horizon)[:_PRUNED_A_WRITE]
    return Plan([*changes, *(Delete(entity.facts, key, stored[key].version) for key in old)], more)


def _judge(
    catalog: Catalog, view: View, before: Summary | None, one: Touched, now_us: int
) -> tuple[Summary, list[Edge], bool]:
    """The summary as it has to be, the edges that it tells first, and whether there are more."""
    same = before is not None and before.made_of == catalog.fingerprint
    told = list(before.told) if before else []
    unchanged = min(one.since, before.since) if before and same else -MAX_US
    fresh: list[Edge] = []
    holds: dict[str, int] = {}
    kept: list[Edge] = []
    for rule in catalog.rules[view.entity.type]:
        days = catalog.definitions.remember_days - look_back_days(rule, view)
        earliest = now_us - days * DAY_US
        mine = [edge for edge in told if edge.rule == rule.name]
        found, since = untold(rule, view, mine, unchanged, earliest, now_us)
        fresh += found
        kept += _remembered(mine, earliest)
        if since is not None:
            holds[rule.name] = since
    fresh.sort(key=lambda edge: edge.at)
    edges, more = fresh[:_ALERTS_A_WRITE], len(fresh) > _ALERTS_A_WRITE
    rules = catalog.rules[view.entity.type]
    low, high = view.span(now_us, [one for rule in rules for one in steps_of(rule, view)])
    told = sorted([*kept, *edges], key=lambda edge: (edge.rule, edge.at))
    summary = Summary(
        low, high, catalog.fingerprint, view.metrics(now_us), view.reported(now_us), told, holds
    )
    return summary, edges, more


def _remembered(told: list[Edge], earliest: int) -> list[Edge]:
    """Edges of the time that is looked at, and the last before it: its episode may go on."""
    recent = [edge for edge in told if edge.at >= earliest]
    older = [edge for edge in told if edge.at < earliest]
    return [*sorted(older, key=lambda edge: edge.at)[-1:], *recent]


def _summary_changes(
    entity: Entity, held: Stored | None, before: Summary | None, after: Summary,
    facts: dict[str, Fact], due: str | None,
) -> list[Change]:  # fmt: skip
    new_due = entity.due_key(after.until) if after.until < MAX_US else None
    changes: list[Change] = [
        Delete(entity.due, key) for key in _old_dues(entity, before, due) if key != new_due
    ]
    value = encode_summary(after)
    expires = 0 if any(not f.until_s for f in facts.values()) else max(
        f.until_s for f in facts.values()
    )  # fmt: skip
    if held is None or held.value != value or held.expires_at_s != (expires or None):
        version = ABSENT if held is None else held.version
        changes.append(Put(entity.list, entity.entity_id, value, version, expires or None))
        if new_due is not None:
            changes.append(Put(entity.due, new_due, msgspec.msgpack.encode(entity)))
    return changes


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
    key = f"{newest_first(kept.at)}#{kept.alert.alert_id}"
    expires_at_s = now_us // 1_000_000 + ALERTS_KEPT_S
    return [
        Put(alerts_partition(kept.account_id), key, value, None, expires_at_s),
        Put(OUTBOX, kept.alert.alert_id, value),
    ]


def _superseded(known: EntityType, facts: dict[str, Fact], horizon: int) -> list[str]:
    """The keys of facts that never expire by themselves and are old, but for the newest."""
    found: list[str] = []
    for family in known.facts:
        if family.keep == "newest":
            mine = (
                (fact.at, key) for key, fact in facts.items() if key.startswith(family.name + "#")
            )
            found += [key for _, key in sorted(one for one in mine if one[0] <= horizon)[:-1]]
    return found
