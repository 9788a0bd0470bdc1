"""Facts: what is kept of an entity, and how two tellings of one fact become one. Pure.

Merging is commutative, associative and idempotent: whatever order facts are told in, how often,
and by however many at once, the same is left.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from tallybrook.entities.definitions import Value
from tallybrook.events.instants import DAY_US

DAY_S = 86_400


class Told(Struct, frozen=True, array_like=True):
    """A value, and the time of the event that told it first (µs)."""

    at: int
    value: Value


class Fact(Struct, frozen=True, array_like=True):
    """``at``: the earliest time known (µs). ``until_s``: the second in which it is forgotten,
    whole days away so that telling it again rarely changes it; 0 for what is never forgotten."""

    at: int
    until_s: int
    fields: dict[str, Told] = {}


_decoder = msgspec.msgpack.Decoder(Fact)


def decode(value: bytes) -> Fact:
    return _decoder.decode(value)


def encode(fact: Fact) -> bytes:
    return msgspec.msgpack.encode(fact, order="deterministic")


def until_s(at_us: int, seen_us: int, remember_days: int) -> int:
    """When a fact is forgotten: so many days after its time, or its arrival where that is later."""
    return (-(-max(at_us, seen_us) // DAY_US) + remember_days) * DAY_S


def merge(one: Fact, other: Fact) -> Fact:
    """Both tellings of a fact as one: of each part what was true first."""
    fields = dict(one.fields)
    for name, told in other.fields.items():
        known = fields.get(name)
        fields[name] = told if known is None else min(known, told, key=_order)
    return Fact(min(one.at, other.at), max(one.until_s, other.until_s), fields)


def merge_all(facts: Iterable[tuple[str, Fact]]) -> dict[str, Fact]:
    """Facts by key, those of one key merged."""
    merged: dict[str, Fact] = {}
    for key, fact in facts:
        merged[key] = merge(merged[key], fact) if key in merged else fact
    return merged


def _order(told: Told) -> tuple[int, str, float, str]:
    """Total, also over values that differ in type or only in how they are written."""
    value = told.value
    number = 0.0 if isinstance(value, str) else float(value)
    return told.at, type(value).__name__, number, str(value)
