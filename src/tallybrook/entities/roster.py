"""Lists of many entities without reading all of them: a roster keeps their order, and follows the
feed. It answers as ``reading.page`` does, from what that would read.

An entity's place in an order is that of its summary, and good from ``since`` until before
``until``. The few that the instant asked of is outside of are looked at one by one, as they are
then.
"""

import threading
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice

from tallybrook.entities import reading
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.feed import read_feed
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import Key, Order, Page, Place, key_of, let_in, place_of
from tallybrook.entities.summary import decode_brief
from tallybrook.errors import NotFoundError
from tallybrook.ports.state import State, Stored

FEWEST = 2000
"""Lists that are shorter are read as they are."""

MOST_OUTSIDE = 1000
"""With more entities than that to be looked at one by one, all of the list is read."""

ORDERS = 4
"""Of one roster so many are kept, those last asked for."""

ROSTERS = 8
Span = tuple[int, int]


class Ranking:
    """Entities in one order."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.keys: list[Key] = []
        self.of: dict[str, Key] = {}

    def fill(self, items: Iterable[Stored]) -> None:
        """Put all of them in."""
        for item in items:
            self.of[item.key] = self._key(item)
        self.keys = sorted(self.of.values())

    def put(self, entity_id: str, item: Stored | None) -> None:
        """An entity as it is now, None: it is no more."""
        old = self.of.pop(entity_id, None)
        if old is not None:
            del self.keys[bisect_left(self.keys, old)]
        if item is not None:
            self.of[entity_id] = self._key(item)
            insort(self.keys, self.of[entity_id])

    def end(self, order: Order) -> int:
        """Behind the last that the threshold lets in."""
        if order.threshold is None:
            return len(self.keys)
        if order.descending:
            return bisect_right(self.keys, (0, -order.threshold), key=_of_value)
        return bisect_left(self.keys, (0, order.threshold), key=_of_value)

    def _key(self, item: Stored) -> Key:
        value = decode_brief(item.value).metrics.get(self.order.metric)
        return key_of(place_of(item.key, value, self.order))


def _of_value(key: Key) -> tuple[int, float]:
    return key[:2]


class Roster:
    """The entities of one type and account. For one thread at a time."""

    def __init__(self, state: State, catalog: Catalog, account_id: str, entity_type: str) -> None:
        self._state, self._catalog = state, catalog
        self._account_id, self._type = account_id, entity_type
        self._fed: int | None = None
        self._spans: dict[str, Span] = {}
        self._since: list[tuple[int, str]] = []
        self._until: list[tuple[int, str]] = []
        self._rankings: OrderedDict[tuple[str, bool], Ranking] = OrderedDict()

    def page(self, order: Order, as_of: int, limit: int, after: Place | None) -> Page | None:
        """As ``reading.page``; None where that does no more work."""
        self._follow()
        if len(self._spans) < FEWEST:
            return None
        outside = self._outside(as_of)
        if len(outside) > MOST_OUTSIDE:
            return None
        ranking = self._ranking(order)
        others = sorted(self._others(outside, order, as_of))
        end = ranking.end(order)
        known = (ranking.of[name] for name in outside if name in ranking.of)
        gone = sum(bisect_left(ranking.keys, key) < end for key in known)
        start = None if after is None else key_of(after)
        first = 0 if start is None else bisect_right(ranking.keys, start)
        inside = (key for key in map(ranking.keys.__getitem__, range(first, end))
                  if key[3] not in outside)  # fmt: skip
        later = (key for key in others if start is None or key > start)
        chosen = list(islice(merge(inside, later), limit + 1))
        shown = [self._shown(key[3], as_of) for key in chosen[:limit]]
        following = _place(chosen[limit - 1]) if len(chosen) > limit else None
        found = [one for one in shown if one is not None]
        return Page(found, following, end - gone + len(others))

    def _follow(self) -> None:
        """Take in what the feed tells; all of it anew where it does not reach back far enough."""
        fed = read_feed(self._state, self._account_id, self._type, self._fed or 0)
        if self._fed is None or fed.ids is None:
            self._read_all()
        else:
            self._again(fed.ids)
        self._fed = fed.number

    def _read_all(self) -> None:
        self._rankings.clear()
        self._spans = {item.key: self._span(item) for item in self._items()}
        self._since = sorted((span[0], name) for name, span in self._spans.items())
        self._until = sorted((span[1], name) for name, span in self._spans.items())

    def _again(self, names: Iterable[str]) -> None:
        for name in names:
            item = self._item(name)
            if (old := self._spans.pop(name, None)) is not None:
                del self._since[bisect_left(self._since, (old[0], name))]
                del self._until[bisect_left(self._until, (old[1], name))]
            if item is not None:
                since, until = self._spans[name] = self._span(item)
                insort(self._since, (since, name))
                insort(self._until, (until, name))
            for ranking in self._rankings.values():
                ranking.put(name, item)

    def _outside(self, as_of: int) -> set[str]:
        """Whose summary is of another time, also when it is read again."""
        past = self._until[: bisect_right(self._until, as_of, key=_of_instant)]
        if len(past) <= MOST_OUTSIDE:
            self._again([name for _, name in past])
        past = self._until[: bisect_right(self._until, as_of, key=_of_instant)]
        ahead = self._since[bisect_right(self._since, as_of, key=_of_instant) :]
        return {name for _, name in (*past, *ahead)}

    def _others(self, names: Iterable[str], order: Order, as_of: int) -> Iterator[Key]:
        """The keys, as of an instant, of those that the threshold lets in."""
        for name in names:
            shown = self._shown(name, as_of)
            value = shown.metrics.get(order.metric) if shown else None
            if shown and let_in(value, order):
                yield key_of(place_of(name, value, order))

    def _ranking(self, order: Order) -> Ranking:
        """In the order asked for; made once, then kept up to date."""
        name = (order.metric, order.descending)
        if name not in self._rankings:
            made = Ranking(order)
            made.fill(item for item in self._items() if item.key in self._spans)
            self._rankings[name] = made
            while len(self._rankings) > ORDERS:
                self._rankings.popitem(last=False)
        self._rankings.move_to_end(name)
        return self._rankings[name]

    def _shown(self, name: str, as_of: int) -> reading.ShownEntity | None:
        try:
            return reading.one(
                self._state, self._catalog, Entity(self._account_id, self._type, name), as_of
            )
        except NotFoundError:  # forgotten meanwhile
            return None

    def _item(self, name: str) -> Stored | None:
        return self._state.get(Entity(self._account_id, self._type, name).list, name)

    def _items(self) -> Iterator[Stored]:
        return reading.summaries(self._state, self._account_id, self._type)

    def _span(self, item: Stored) -> Span:
        """From when until when a summary is good."""
        brief = decode_brief(item.value)
        if brief.made_of != self._catalog.fingerprint:
            return 0, 0
        if item.expires_at_s is None:
            return brief.since, brief.until
        return brief.since, min(brief.until, item.expires_at_s * 1_000_000)


def _of_instant(pair: tuple[int, str]) -> int:
    return pair[0]


def _place(key: Key) -> Place:
    return Place(key[0], key[2] if key[0] == 1 else key[1], key[3])


class Rosters:
    """Pages of lists over one state, for any number of threads; rosters that were not asked for
    longest go."""

    def __init__(self, state: State, catalog: Catalog) -> None:
        self._state, self._catalog = state, catalog
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[threading.Lock, Roster]] = OrderedDict()

    def page(
        self, account_id: str, entity_type: str, order: Order, as_of: int, limit: int,
        after: Place | None,
    ) -> Page:  # fmt: skip
        """As ``reading.page``."""
        self._catalog.entity(entity_type)
        lock, roster = self._roster(account_id, entity_type)
        with lock:
            found = roster.page(order, as_of, limit, after)
        if found is not None:
            return found
        return reading.page(
            self._state, self._catalog, account_id, entity_type, order, as_of, limit, after
        )

    def _roster(self, account_id: str, entity_type: str) -> tuple[threading.Lock, Roster]:
        name = (account_id, entity_type)
        with self._lock:
            if name not in self._kept:
                made = Roster(self._state, self._catalog, account_id, entity_type)
                self._kept[name] = (threading.Lock(), made)
                while len(self._kept) > ROSTERS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(name)
            return self._kept[name]
