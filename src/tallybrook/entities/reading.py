"""Reading entities as they are at an instant."""

import heapq
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.definitions import EntityType, Value
from tallybrook.entities.measuring import View
from tallybrook.entities.places import SHARDS, Entity, list_partition
from tallybrook.entities.summary import decode_brief, decode_summary, facts_of, stored_facts
from tallybrook.errors import InvalidError, NotFoundError
from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.ports.state import State, Stored

_PAGE = 1000


class ShownEntity(Struct):
    """One entity. ``metrics`` by name, null where there is nothing to measure; ``reported`` as it
    was last reported, with ``reported_at`` (null: never)."""

    entity_type: str
    entity_id: str
    as_of: str
    metrics: dict[str, Value | None]
    reported: dict[str, Value | None]


class Order(Struct, frozen=True):
    """What a list is in the order of, and how far its threshold lets in: ascending what is below
    it, descending what is at least that."""

    metric: str
    descending: bool = False
    threshold: float | None = None


class Place(Struct, frozen=True, array_like=True):
    """After whom a list goes on: rank among kinds of values, the value, the id."""

    rank: int
    value: float | str
    entity_id: str


class Listed(Struct, frozen=True, gc=False):
    """An entity of a list. ``rest`` is its summary as it is stored, or what was reported."""

    entity_id: str
    metrics: dict[str, Value | None]
    rest: bytes | dict[str, Value | None]


Key = tuple[int, float, str, str]


class Page(Struct):
    entities: list[ShownEntity]
    after: Place | None
    total: int


def order_of(known: EntityType, sort: str | None, threshold: float | None) -> Order:
    """The order that was asked for (``-metric``: descending), or the type's own."""
    wanted = sort or default_sort(known)
    name = wanted.removeprefix("-")
    if name not in View(known, {}).metrics(0):
        raise InvalidError.of("/sort", f"is no metric of {known.type}")
    return Order(name, wanted.startswith("-"), threshold)


def default_sort(known: EntityType) -> str:
    """The order of a list that nobody asked another of: the type's own, or its first metric."""
    return known.sort or next(iter(View(known, {}).metrics(0)), "")


def looks_back_days(catalog: Catalog) -> int:
    """How long ago an instant may be of which every fact is known still."""
    longest = max(
        (days for e in catalog.definitions.entities for m in e.metrics for days in m.days),
        default=0,
    )
    return catalog.definitions.remember_days - longest


def require_known(catalog: Catalog, as_of: int, now_us: int) -> None:
    """Raise ``InvalidError`` for an instant of which not every fact is known any more."""
    earliest = now_us - looks_back_days(catalog) * DAY_US
    if as_of < earliest:
        raise InvalidError.of("/as_of", f"must not be before {format_instant(earliest)}")


def one(state: State, catalog: Catalog, entity: Entity, as_of: int) -> ShownEntity:
    """One entity. Raises ``NotFoundError`` when nothing is known of it."""
    held = state.get(entity.list, entity.entity_id)
    summary = decode_summary(held.value) if held else None
    if summary and summary.made_of == catalog.fingerprint and summary.covers(as_of):
        metrics = _in_order(catalog.entity(entity.entity_type), summary.metrics)
        return _shown(entity, as_of, metrics, summary.reported)
    return as_viewed(entity, view_of(state, catalog, entity), as_of)


def view_of(state: State, catalog: Catalog, entity: Entity) -> View:
    """An entity's facts. Raises ``NotFoundError`` when nothing is known of it."""
    known = catalog.entity(entity.entity_type)
    stored = stored_facts(state, entity)
    if not stored:
        raise NotFoundError(f"no {entity.entity_type} {entity.entity_id!r}")
    return View(known, facts_of(stored))


def as_viewed(entity: Entity, view: View, as_of: int) -> ShownEntity:
    return _shown(entity, as_of, view.metrics(as_of), view.reported(as_of))


def page(
    state: State, catalog: Catalog, account_id: str, entity_type: str, order: Order, as_of: int,
    limit: int, after: Place | None,
) -> Page:  # fmt: skip
    """Up to ``limit`` entities in order, after one; nulls come last. ``total`` counts all that
    the threshold lets in."""
    known = catalog.entity(entity_type)
    start = None if after is None else key_of(after)
    total, rest = 0, list[tuple[Key, Listed]]()
    for listed in _listed(state, catalog, known, account_id, as_of):
        value = listed.metrics.get(order.metric)
        if not let_in(value, order):
            continue
        total += 1
        key = key_of(place_of(listed.entity_id, value, order))
        if start is None or key > start:
            rest.append((key, listed))
    chosen = heapq.nsmallest(limit + 1, rest, key=lambda item: item[0])
    shown = [
        _of_list(known, Entity(account_id, known.type, one.entity_id), one, as_of)
        for _, one in chosen[:limit]
    ]
    if len(chosen) <= limit:
        return Page(shown, None, total)
    last = chosen[limit - 1][1]
    return Page(shown, place_of(last.entity_id, last.metrics.get(order.metric), order), total)


def _listed(
    state: State, catalog: Catalog, known: EntityType, account_id: str, as_of: int
) -> Iterator[Listed]:
    """Every entity at an instant: as its summary has it while that holds, else of the facts."""
    for item in summaries(state, account_id, known.type):
        brief = decode_brief(item.value)
        if brief.made_of == catalog.fingerprint and brief.since <= as_of < brief.until:
            yield Listed(item.key, brief.metrics, item.value)
            continue
        stored = stored_facts(state, Entity(account_id, known.type, item.key))
        view = View(known, facts_of(stored))
        yield Listed(item.key, view.metrics(as_of), view.reported(as_of))


def summaries(state: State, account_id: str, entity_type: str) -> Iterator[Stored]:
    """The stored summaries of a type, in no order."""
    for shard in range(SHARDS):
        partition, after = list_partition(account_id, entity_type, shard), None
        while True:
            found = state.query(partition, after=after, limit=_PAGE)
            yield from found
            if len(found) < _PAGE:
                break
            after = found[-1].key


def _of_list(known: EntityType, entity: Entity, listed: Listed, as_of: int) -> ShownEntity:
    rest = listed.rest
    reported = decode_summary(rest).reported if isinstance(rest, bytes) else rest
    return _shown(entity, as_of, _in_order(known, listed.metrics), reported)


def _in_order(known: EntityType, metrics: dict[str, Value | None]) -> dict[str, Value | None]:
    """As the definitions have them."""
    return {name: metrics[name] for name in known.answers}


def _shown(
    entity: Entity, as_of: int, metrics: dict[str, Any], reported: dict[str, Any]
) -> ShownEntity:
    return ShownEntity(
        entity.entity_type, entity.entity_id, format_instant(as_of), metrics, reported
    )


def let_in(value: Value | None, order: Order) -> bool:
    """Whether the threshold lets a value in."""
    if order.threshold is None:
        return True
    if not isinstance(value, int | float):
        return False
    return value >= order.threshold if order.descending else value < order.threshold


def place_of(entity_id: str, value: Value | None, order: Order) -> Place:
    """Numbers before texts before nothing; among equals by id."""
    if value is None:
        return Place(2, 0.0, entity_id)
    if isinstance(value, str):
        return Place(1, value, entity_id)
    return Place(0, -float(value) if order.descending else float(value), entity_id)


def key_of(place: Place) -> Key:
    """What lists are sorted by."""
    number, text = (0.0, place.value) if isinstance(place.value, str) else (place.value, "")
    return place.rank, number, text, place.entity_id
