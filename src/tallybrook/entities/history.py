"""What was told of one entity over the last days, and the alerts it led to."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from tallybrook.entities.alerts import Kept, alert_id
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.definitions import Metric, Value
from tallybrook.entities.measuring import View
from tallybrook.entities.places import Entity, alert_key, alerts_partition
from tallybrook.entities.reading import ShownEntity, as_viewed, view_of
from tallybrook.entities.reading_alerts import ShownAlert, with_state
from tallybrook.entities.sending import decode_kept
from tallybrook.entities.summary import decode_summary
from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.ports.state import State

MAX_HISTORY_DAYS = 366
MAX_STEPS = 200
"""Of one metric's values so many are shown, the newest."""


class FactsByDay(Struct):
    """How many facts of a kind fell into each day, oldest first."""

    name: str
    counts: list[int]


class Step(Struct):
    """A value, and the instant it holds from."""

    at: str
    value: Value


class Told(Struct):
    """The values that a metric of kind ``latest`` had, oldest first: the one that held when the
    history begins, then each that was told within it."""

    metric: str
    steps: list[Step]


class History(Struct):
    """The ``days`` times 24 hours up to the instant asked of.

    A day is 24 hours that end at that instant or whole days before it, its end included: so the
    last seven counts of a kind sum up to what a window of seven days has. ``alerts``, newest
    first, are those of the time that the entity's facts are known of.
    """

    start: str
    facts: list[FactsByDay]
    told: list[Told]
    alerts: list[ShownAlert]


class EntityReply(ShownEntity):
    """One entity, with its history where that was asked for."""

    history: History | UnsetType = UNSET


def one_with_history(
    state: State, catalog: Catalog, entity: Entity, as_of: int, days: int
) -> EntityReply:
    """One entity and its last ``days``. Raises ``NotFoundError`` when nothing is known of it."""
    view = view_of(state, catalog, entity)
    reply = EntityReply(**asdict(as_viewed(entity, view, as_of)))
    reply.history = _history(state, catalog, entity, view, as_of, days)
    return reply


def _history(
    state: State, catalog: Catalog, entity: Entity, view: View, as_of: int, days: int
) -> History:
    start = as_of - days * DAY_US
    return History(
        format_instant(start),
        [
            FactsByDay(family.name, _by_day(view.times(family.name).at, start, days))
            for family in view.entity.facts
        ],
        [
            Told(metric.name, _steps(view, metric, start, as_of))
            for metric in view.entity.metrics
            if metric.kind == "latest"
        ],
        with_state(state, catalog, _alerts(state, entity, as_of), as_of),
    )


def _by_day(at: Sequence[int], start: int, days: int) -> list[int]:
    """Counts by day of sorted instants: each day includes its end and not its beginning."""
    below = [bisect_right(at, start + n * DAY_US) for n in range(days + 1)]
    return [high - low for low, high in pairwise(below)]


def _steps(view: View, metric: Metric, start: int, as_of: int) -> list[Step]:
    steps = view.told(metric.of, metric.field)
    first, end = max(0, steps.last(start)), steps.last(as_of) + 1
    first = max(first, end - MAX_STEPS)
    pairs = zip(steps.at[first:end], steps.values[first:end], strict=True)
    return [Step(format_instant(at), value) for at, value in pairs]


def _alerts(state: State, entity: Entity, as_of: int) -> list[Kept]:
    """The alerts of an entity up to an instant, newest first, by the edges it remembers."""
    held = state.get(entity.list, entity.entity_id)
    edges = decode_summary(held.value).told if held else []
    found = [
        state.get(alerts_partition(entity.account_id), alert_key(edge.at, alert_id(edge, entity)))
        for edge in edges
        if edge.at <= as_of
    ]
    kept = [decode_kept(one.value) for one in found if one is not None]
    return sorted(kept, key=lambda one: (-one.at, one.alert.alert_id))
