"""Entities whose facts are at hand: the work for an event does not grow with what came before it.

Facts are in the state, for ever by right; here is a copy of those of the entities that were last at
work, and it is used only while it is all there is. It is:

* An entity's copy was read after version v of its summary, or is of whoever wrote v. Everyone who
  takes in a fact writes the summary, and so gives it another version; a copy of another version is
  not used.
* What is stored here goes into the copy. Where the state held something else before than the copy,
  somebody is in the middle of taking it in; the copy is given up.
* After an error it is unknown what is stored: all copies are given up.
* Facts are forgotten at the end of a day, UTC. On another day the copy forgets what is too old to
  be in any window, or, where more than windows is shown of it, is not used.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from tallybrook.entities.measuring import View
from tallybrook.entities.places import Entity
from tallybrook.entities.storing import Change
from tallybrook.events.instants import DAY_US

MOST_FACTS = 150_000
"""Of all entities together; up to 300 bytes each."""


class Copy(Struct):
    """``version`` is that of the entity's summary, ``day`` the one it was read on."""

    version: int
    day: int
    view: View


class Warm:
    """Copies of entities, the longest unused of which go when there are too many facts. For one
    thread, one state and one set of definitions."""

    def __init__(self, most_facts: int = MOST_FACTS) -> None:
        self._most = most_facts
        self._facts = 0
        self._copies: OrderedDict[Entity, Copy] = OrderedDict()

    def find(self, entity: Entity, version: int, now_us: int, remember_days: int) -> View | None:
        """The facts of an entity whose summary has this version, None where they must be read."""
        copy = self._copies.get(entity)
        if copy is None or copy.version != version:
            return None
        if copy.day != now_us // DAY_US:
            self._facts -= copy.view.size
            known = copy.view.forget_until(now_us - remember_days * DAY_US)
            self._facts += copy.view.size
            if not known or not copy.view.size:  # what came late lasts longer than its time has it
                return None
            copy.day = now_us // DAY_US
        self._copies.move_to_end(entity)
        return copy.view

    def keep(self, entity: Entity, version: int, now_us: int, view: View) -> None:
        """Keep what was read after that version of the summary was."""
        self.drop(entity)
        self._copies[entity] = Copy(version, now_us // DAY_US, view)
        self._facts += view.size
        while self._facts > self._most:
            self.drop(next(iter(self._copies)))

    def written(self, entity: Entity, version: int) -> None:
        """The summary made of the copy was written, and has this version now."""
        if entity in self._copies:
            self._copies[entity].version = version

    def change(self, changes: Iterable[Change]) -> None:
        """What was stored."""
        for one in changes:
            copy = self._copies.get(one.entity)
            if copy is None:
                continue
            self._facts -= copy.view.size
            known = copy.view.change(one.key, one.before, one.after)
            self._facts += copy.view.size
            if not known:
                self.drop(one.entity)

    def drop(self, entity: Entity) -> None:
        """Give up a copy."""
        copy = self._copies.pop(entity, None)
        self._facts -= copy.view.size if copy else 0

    @contextmanager
    def sure(self) -> Iterator[None]:
        """Work on the state; where it fails, all copies are given up."""
        try:
            yield
        except BaseException:
            self._copies.clear()
            self._facts = 0
            raise
