"""Facts into the state, beside others who do the same: nobody's fact is lost."""

import random
import time
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tallybrook.entities.facts import Fact, decode, encode, merge, merge_all
from tallybrook.entities.places import Entity
from tallybrook.entities.reading_facts import Seen
from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.state import ABSENT, MAX_CHANGES, Put, State


class Change(Struct, frozen=True):
    """What became of a fact of an entity: as it was before (None: not known), and as it is."""

    entity: Entity
    key: str
    before: Fact | None
    after: Fact


Named = tuple[Entity, str, Fact]

ATTEMPTS = 12
_FIRST_S, _MOST_S = 0.005, 0.5


def store_facts(state: State, seen: Sequence[Seen], now_us: int) -> list[Change]:
    """Merge facts into what is known; durable when it returns, in any order and however often.
    One change a fact, also where all of it was known.

    What is forgotten by now is left out. Raises ``StorageError``: some may be stored by then, and
    all can be sent again.
    """
    named = _merged(seen, now_us)
    changes: list[Change] = []
    for at in range(0, len(named), MAX_CHANGES):
        group = named[at : at + MAX_CHANGES]
        try:
            changes += _write(state, group)
        except ConflictError:
            for one in group:
                changes += _write_alone(state, one)
    return changes


def _merged(seen: Sequence[Seen], now_us: int) -> list[Named]:
    """One fact a key; those of an entity stand together."""
    by_entity: dict[Entity, list[tuple[str, Fact]]] = {}
    for one in seen:
        if one.fact.until_s and one.fact.until_s * 1_000_000 <= now_us:
            continue
        entity = Entity(one.account_id, one.entity_type, one.entity_id)
        by_entity.setdefault(entity, []).append((one.key, one.fact))
    return [
        (entity, key, fact)
        for entity, facts in by_entity.items()
        for key, fact in merge_all(facts).items()
    ]


def _write(state: State, facts: Iterable[Named]) -> list[Change]:
    changes: list[Change] = []
    puts: list[Put] = []
    for entity, key, fact in facts:
        found = state.get(entity.facts, key)
        before = None if found is None else decode(found.value)
        after = fact if before is None else merge(before, fact)
        changes.append(Change(entity, key, before, after))
        value = encode(after)
        if found is None or value != found.value:
            version = ABSENT if found is None else found.version
            puts.append(Put(entity.facts, key, value, version, after.until_s or None))
    if puts:
        state.write(puts)
    return changes


def _write_alone(state: State, named: Named) -> list[Change]:
    for attempt in range(ATTEMPTS):
        try:
            return _write(state, [named])
        except ConflictError:
            pause(attempt)
    raise StorageError(f"a fact: others were faster {ATTEMPTS} times")


def pause(attempt: int) -> None:
    """Let others finish; longer each time."""
    time.sleep(random.uniform(0, min(_MOST_S, _FIRST_S * 2.0**attempt)))
