"""Marks of change: by them another process notices that something was told of a type's entities.

One item an account and type, whose version is new with every change.
"""

from collections.abc import Iterable

from tallybrook.entities.places import Entity
from tallybrook.ports.state import Put, State

_MARKS = "entity.changed"


def marking(entities: Iterable[Entity]) -> list[Put]:
    """What to put when something was told of these."""
    keys = {f"{entity.account_id}#{entity.entity_type}" for entity in entities}
    return [Put(_MARKS, key, b"1") for key in sorted(keys)]


def marks(state: State, account_id: str) -> dict[str, int]:
    """The version of each type of an account that something was ever told of."""
    found = state.query(_MARKS, f"{account_id}#")
    return {one.key.partition("#")[2]: one.version for one in found}
