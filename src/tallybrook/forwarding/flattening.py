"""From properties to attributes and metrics. Pure.

Keys of nested objects are joined by ``_``, elements of arrays by ``,``. Texts, booleans and arrays
become attributes, numbers metrics; null is nothing, and 0, false and "" are values. Two properties
that come to the same key keep both values: the first, in the order of the properties, has the key,
the next has ``_2`` behind it, and so on.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.events.ids import content_id
from tallybrook.forwarding.table import Limits

CUT = "tallybrook_cut"
"""The attribute that says how many values are shortened or left out, where any is."""

_HASH_CHARS = 8


class Flat(Struct):
    """``cut`` is how many values were shortened or left out, for the limits' sake."""

    attributes: dict[str, str]
    metrics: dict[str, int | float]
    cut: int = 0


class Names(Struct, frozen=True):
    """Where properties go: the metric of each property that has one, and what is dropped."""

    metrics: Mapping[str, str]
    dropped: frozenset[str]


def names_of(metrics: Mapping[str, list[str]], drop: list[str]) -> Names:
    """The names of a table."""
    sources = {source: metric for metric, found in metrics.items() for source in found}
    return Names(sources, frozenset(map(_plain, drop)))


def flatten(
    properties: Mapping[str, Any], first: Mapping[str, str], names: Names, limits: Limits
) -> Flat:
    """Attributes, beginning with those in ``first``, and metrics."""
    attributes: dict[str, str] = dict(first)
    metrics: dict[str, int | float] = {}
    shortened: set[str] = set()
    for path, value in _leaves(properties, (), names.dropped):
        joined = "_".join(path)
        if isinstance(value, int | float) and not isinstance(value, bool):
            metric = names.metrics.get(joined) if len(path) == 1 else None
            _put(metrics, metric or f"attr_{joined}", value, limits)
            continue
        text = _text(value)
        kept = text[: limits.value_chars] if limits.value_chars else text
        name = _put(attributes, joined, kept, limits)
        if kept != text:
            shortened.add(name)
    return _within(attributes, metrics, shortened, limits.keys, len(first))


def _leaves(
    found: Mapping[str, Any], path: tuple[str, ...], dropped: frozenset[str]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Everything that is not an object, with the keys that lead to it."""
    for key, value in found.items():
        if _plain(key) in dropped or value is None:
            continue
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key), dropped)
        else:
            yield (*path, key), value


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _put(into: dict[str, Any], key: str, value: Any, limits: Limits) -> str:
    """Give the value the key, or the next free one after it; the key that it has."""
    name, number = _short(key, limits.key_chars), 1
    while name in into or name == CUT:
        number += 1
        end = f"_{number}"
        name = _short(key, limits.key_chars and limits.key_chars - len(end)) + end
    into[name] = value
    return name


def _short(key: str, most: int) -> str:
    """A key that fits; one that is too long ends with a digest of all of it."""
    if not most or len(key) <= most:
        return key
    return f"{key[: most - _HASH_CHARS - 1]}_{content_id(key)[:_HASH_CHARS]}"


def _within(
    attributes: dict[str, str], metrics: dict[str, int | float], shortened: set[str], most: int,
    firsts: int,
) -> Flat:  # fmt: skip
    """The first so many keys: those that come first in any case, then metrics, then the other
    attributes; one place is for what says that something is missing."""
    count = len(attributes) + len(metrics)
    if most and (count > most or (count == most and shortened)):
        kept = list(metrics)[: max(0, most - 1 - firsts)]
        metrics = {name: metrics[name] for name in kept}
        attributes = dict(list(attributes.items())[: most - 1 - len(kept)])
    cut = count - len(attributes) - len(metrics) + len(shortened & attributes.keys())
    return Flat(attributes | {CUT: str(cut)} if cut else attributes, metrics, cut)


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").casefold()
