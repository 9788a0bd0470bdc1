"""A rule tried against history: when it would have fired. Pure.

The same facts and the same edges as live. With all of history at hand nothing is forgotten, so
that an instant long ago is judged as it was judged then, had everything been known.
"""

from collections.abc import Iterable, Iterator

from tallybrook.entities.alerts import Kept, alert_of
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.definitions import Rule
from tallybrook.entities.facts import Fact, merge
from tallybrook.entities.measuring import View
from tallybrook.entities.places import Entity
from tallybrook.entities.reading_facts import read_facts
from tallybrook.entities.ruling import episodes
from tallybrook.errors import NotFoundError
from tallybrook.events.instants import MIN_US
from tallybrook.events.model import Event

Facts = dict[Entity, dict[str, Fact]]


def rule_named(catalog: Catalog, name: str) -> Rule:
    """A rule of the definitions. Raises ``NotFoundError`` naming those there are."""
    rules = {rule.name: rule for rule in catalog.definitions.alerts}
    if name not in rules:
        raise NotFoundError(f"no rule {name!r}; there are {', '.join(rules)}")
    return rules[name]


def gather(catalog: Catalog, entity_type: str, events: Iterable[Event], into: Facts) -> None:
    """Add the facts that events tell of entities of one type."""
    for event in events:
        reading = read_facts(event, catalog)
        for seen in reading.seen if reading is not None else ():
            if seen.entity_type == entity_type:
                entity = Entity(seen.account_id, seen.entity_type, seen.entity_id)
                known = into.setdefault(entity, {})
                known[seen.key] = merge(known.get(seen.key, seen.fact), seen.fact)


def backtest(catalog: Catalog, rule: Rule, facts: Facts, since: int, until: int) -> list[Kept]:
    """The alerts that the rule would have made from ``since`` to ``until`` (µs), oldest first."""
    found = [
        alert
        for entity, known in facts.items()
        for alert in _of_entity(rule, View(catalog.types[rule.entity], known), entity, since, until)
    ]
    return sorted(found, key=lambda kept: (kept.at, kept.alert.alert_id))


def _of_entity(rule: Rule, view: View, entity: Entity, since: int, until: int) -> Iterator[Kept]:
    for episode in episodes(rule, view, MIN_US, until):
        for edge in episode.edges:
            if edge.at >= since:
                yield alert_of(edge, rule, view, entity)
