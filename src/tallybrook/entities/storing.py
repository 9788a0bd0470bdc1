"""Facts into the state, beside others who do the same: nobody's fact is lost."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence

from tallybrook.entities.facts import Fact, decode, encode, merge, merge_all
from tallybrook.entities.places import Entity
from tallybrook.entities.reading_facts import Seen
from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.state import ABSENT, MAX_CHANGES, Put, State

Named = tuple[str, str, Fact]
"""Partition, key, fact."""

ATTEMPTS = 12
_FIRST_S, _MOST_S = 0.005, 0.5


def store_facts(state: State, seen: Sequence[Seen], now_us: int) -> None:
    """Merge facts into what is known; durable when it returns, in any order and however often.

    What is forgotten by now is left out. Raises ``StorageError``: some may be stored by then, and
    all can be sent again.
    """
    named = _merged(seen, now_us)
    for at in range(0, len(named), MAX_CHANGES):
        group = named[at : at + MAX_CHANGES]
        try:
            _write(state, group)
        except ConflictError:
            for one in group:
                _write_alone(state, one)


def _merged(seen: Sequence[Seen], now_us: int) -> list[Named]:
    """One fact a key; those of an entity stand together."""
    by_entity: dict[str, list[tuple[str, Fact]]] = {}
    for one in seen:
        if one.fact.until_s and one.fact.until_s * 1_000_000 <= now_us:
            continue
        place = Entity(one.account_id, one.entity_type, one.entity_id).facts
        by_entity.setdefault(place, []).append((one.key, one.fact))
    return [
        (partition, key, fact)
        for partition, facts in by_entity.items()
        for key, fact in merge_all(facts).items()
    ]


def _write(state: State, facts: Iterable[Named]) -> None:
    changes = [change for one in facts for change in _change(state, one)]
    if changes:
        state.write(changes)


def _change(state: State, named: Named) -> Iterator[Put]:
    """What has to be put for a fact to be known, if anything."""
    partition, key, fact = named
    found = state.get(partition, key)
    merged = fact if found is None else merge(decode(found.value), fact)
    value = encode(merged)
    if found is None or value != found.value:
        version = ABSENT if found is None else found.version
        yield Put(partition, key, value, version, merged.until_s or None)


def _write_alone(state: State, named: Named) -> None:
    for attempt in range(ATTEMPTS):
        try:
            _write(state, [named])
            return
        except ConflictError:
            pause(attempt)
    raise StorageError(f"a fact: others were faster {ATTEMPTS} times")


def pause(attempt: int) -> None:
    """Let others finish; longer each time."""
    time.sleep(random.uniform(0, min(_MOST_S, _FIRST_S * 2.0**attempt)))
