"""Definitions, indexed by what is looked up for every event. Pure."""

import msgspec

from tallybrook.entities.definitions import Definitions, EntityType, Family, Rule
from tallybrook.errors import NotFoundError
from tallybrook.events.ids import content_id


class Catalog:
    """Definitions with their indices. ``fingerprint`` changes with anything that they say."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.types = {entity.type: entity for entity in definitions.entities}
        self.known_types = frozenset(definitions.known_types)
        self.by_event: dict[str, list[tuple[EntityType, Family]]] = {}
        self.rules: dict[str, list[Rule]] = {entity: [] for entity in self.types}
        for entity in definitions.entities:
            for family in entity.facts:
                for event_type in family.events:
                    self.by_event.setdefault(event_type, []).append((entity, family))
        for rule in definitions.alerts:
            self.rules[rule.entity].append(rule)
        self.fingerprint = content_id(msgspec.json.encode(definitions))

    def entity(self, entity_type: str) -> EntityType:
        """A type by name. Raises ``NotFoundError`` naming those there are."""
        if entity_type not in self.types:
            names = ", ".join(self.types)
            raise NotFoundError(f"no entity type {entity_type!r}; there are {names}")
        return self.types[entity_type]
