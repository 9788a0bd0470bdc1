"""Inventories as data: which items there are, what each measures, and how people answer them.

A file names everything the scorer knows of an inventory; the scorer knows none by name.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Sex = Literal["male", "female"]


class Item(Struct, frozen=True):
    """One statement. It is answered under its ``id`` or its ``key``."""

    id: str
    domain: str
    facet: str
    reversed: bool
    key: str | None = None
    text: str | None = None


class NormGroup(Struct, frozen=True):
    """Mean and standard deviation of the raw score (sum of keyed answers, 1-5) by scale.

    ``min_age`` and ``max_age`` are inclusive whole years, None where open.
    """

    sex: Sex
    min_age: int | None
    max_age: int | None
    scales: dict[str, tuple[float, float]]


Basis = Literal["published", "stepped-down", "stratified"]
"""How a reliability is known: from a publication; from that of a longer form of the scale by
Spearman and Brown's formula; of a domain from those of its facets (``norms.reliability_of``)."""


class Reliability(Struct, frozen=True, array_like=True):
    """The share of a scale's variance that is no error, 0 to 1."""

    value: Annotated[float, Meta(ge=0, le=1)]
    basis: Basis


class Inventory(Struct, frozen=True):
    """``domains`` maps each domain to its facets in order; ``max_missing`` is how many items may be
    unanswered before there are no scores; ``reliability`` is by scale, as far as it is known."""

    id: str
    name: str
    scale: str
    max_missing: int
    domains: dict[str, tuple[str, ...]]
    source: str
    items: tuple[Item, ...]
    norm_set: str | None = None
    norms: tuple[NormGroup, ...] = ()
    reliability: dict[str, Reliability] = {}

    @property
    def facets(self) -> tuple[str, ...]:
        """All facets, domain by domain."""
        return tuple(facet for facets in self.domains.values() for facet in facets)


def decode(body: bytes) -> Inventory:
    """Read and check: raises ``ValueError`` or ``msgspec.MsgspecError``."""
    read = msgspec.json.decode(body, type=Inventory)
    names = [name for item in read.items for name in {item.id, item.key or item.id}]
    if len(names) != len(set(names)):
        raise ValueError("two items have the same id or key")
    for item in read.items:
        if item.facet not in read.domains.get(item.domain, ()):
            raise ValueError(f"item {item.id}: {item.domain}/{item.facet} is not declared")
    if len(read.facets) != len(set(read.facets)):
        raise ValueError("two domains have a facet of the same name")
    return read
