"""Which entities something was told of, in order: by it another process keeps what it knows of them
up to date without reading all of them.

Entries are numbered without a gap, each written together with the count of all: who has read up to
one sees every later one, or, where some are gone by then, that there is a gap.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from tallybrook.entities.places import Entity
from tallybrook.entities.storing import ATTEMPTS, pause
from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.state import ABSENT, Put, State

KEPT_S = 600
_COUNTS = "entity.fed"
_PAGE = 100
_AN_ENTRY, _A_WRITE = 300, 2400
"""Ids; one has 1 000 bytes at most."""
_ids = msgspec.msgpack.Decoder(list[str])


class Fed(Struct, frozen=True):
    """The number of the last entry, and the ids in those after the one that was asked for; None
    where not all of them are there any more."""

    number: int
    ids: set[str] | None


def feed(state: State, entities: Iterable[Entity], now_us: int) -> None:
    """Tell that something was told of these. Raises ``StorageError``; twice does no harm."""
    types: dict[tuple[str, str], list[str]] = {}
    for one in entities:
        types.setdefault((one.account_id, one.entity_type), []).append(one.entity_id)
    for (account_id, entity_type), ids in types.items():
        for at in range(0, len(ids), _A_WRITE):
            _append(state, account_id, entity_type, ids[at : at + _A_WRITE], now_us)


def read_feed(state: State, account_id: str, entity_type: str, after: int) -> Fed:
    """What was told after an entry."""
    held = state.get(_COUNTS, f"{account_id}#{entity_type}")
    number = int(held.value) if held else 0
    found: set[str] = set()
    seen = after
    while seen < number:
        entries = state.query(
            _entries(account_id, entity_type), after=_key(seen), limit=min(_PAGE, number - seen)
        )
        if not entries or entries[-1].key != _key(seen + len(entries)):
            return Fed(number, None)
        found.update(name for entry in entries for name in _ids.decode(entry.value))
        seen = int(entries[-1].key)
    return Fed(number, found if after <= number else None)


def _append(state: State, account_id: str, entity_type: str, ids: list[str], now_us: int) -> None:
    name = f"{account_id}#{entity_type}"
    expires_at_s = now_us // 1_000_000 + KEPT_S
    values = [
        msgspec.msgpack.encode(ids[at : at + _AN_ENTRY]) for at in range(0, len(ids), _AN_ENTRY)
    ]
    for attempt in range(ATTEMPTS):
        held = state.get(_COUNTS, name)
        first = (int(held.value) if held else 0) + 1
        last = str(first + len(values) - 1).encode()
        entries = [
            Put(_entries(account_id, entity_type), _key(number), value, None, expires_at_s)
            for number, value in enumerate(values, first)
        ]
        try:
            state.write([Put(_COUNTS, name, last, held.version if held else ABSENT), *entries])
        except ConflictError:
            pause(attempt)
        else:
            return
    raise StorageError(f"the feed: others were faster {ATTEMPTS} times")


def _entries(account_id: str, entity_type: str) -> str:
    return f"entity.feed#{account_id}#{entity_type}"


def _key(number: int) -> str:
    return f"{number:018d}"
