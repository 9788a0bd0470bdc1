"""The summary of an entity: its metrics while they hold, and what was told of it."""

import msgspec
from msgspec import Struct

from tallybrook.entities.definitions import Value
from tallybrook.entities.facts import Fact, decode
from tallybrook.entities.places import Entity
from tallybrook.entities.ruling import Edge
from tallybrook.ports.state import State, Stored

_PAGE = 1000


class Summary(Struct, frozen=True, array_like=True):
    """Metrics and what was reported, exact from ``since`` until before ``until`` (µs).

    ``told`` are the edges that alerts were made of; ``holds`` the rules that are met, with since
    when. ``made_of`` is the fingerprint of the definitions.
    """

    since: int
    until: int
    made_of: str
    metrics: dict[str, Value | None]
    reported: dict[str, Value | None]
    told: list[Edge]
    holds: dict[str, int]

    def covers(self, at: int) -> bool:
        return self.since <= at < self.until


class Brief(Struct, frozen=True, array_like=True, gc=False):
    """The beginning of a summary: all that a list needs to find its order."""

    since: int
    until: int
    made_of: str
    metrics: dict[str, Value | None]


_decoder = msgspec.msgpack.Decoder(Summary)
_brief = msgspec.msgpack.Decoder(Brief)


def decode_summary(value: bytes) -> Summary:
    return _decoder.decode(value)


def decode_brief(value: bytes) -> Brief:
    return _brief.decode(value)


def encode_summary(summary: Summary) -> bytes:
    return msgspec.msgpack.encode(summary, order="deterministic")


def stored_facts(state: State, entity: Entity) -> dict[str, Stored]:
    """Every fact of an entity as it is stored, by key."""
    found: dict[str, Stored] = {}
    after: str | None = None
    while True:
        page = state.query(entity.facts, after=after, limit=_PAGE)
        found.update((one.key, one) for one in page)
        if len(page) < _PAGE:
            return found
        after = page[-1].key


def facts_of(stored: dict[str, Stored]) -> dict[str, Fact]:
    return {key: decode(one.value) for key, one in stored.items()}
