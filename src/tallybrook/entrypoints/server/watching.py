"""What another process writes of entities and alerts, told to the subscribers of this one.

The worker publishes alerts on the bus, which numbers them, and marks the types that something was
told of. While anybody is subscribed both are looked at every ``LOOK_S``, in one read each; where
nobody is, nothing is read. Taking events in has no part in it.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

from tallybrook.entities.marks import marks
from tallybrook.entities.telling import AlertsTold, EntitiesTold, new_alerts
from tallybrook.entrypoints.server.hub import Client, Hub
from tallybrook.errors import TallybrookError
from tallybrook.events.instants import format_instant
from tallybrook.ports.bus import Notice, Tail
from tallybrook.ports.clock import Clock
from tallybrook.wiring import Entities

LOOK_S = 0.25
_AT_ONCE = 500
"""Alerts told in one look; a larger number is told by the next ones."""

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("tallybrook.server")


class Watch:
    """Of the event loop, but for its reads."""

    def __init__(
        self,
        hub: Hub,
        entities: Callable[[], Entities],
        tail: Tail,
        clock: Clock,
        readers: Executor,
    ) -> None:
        self._hub, self._entities, self._tail = hub, entities, tail
        self._clock, self._readers = clock, readers
        self._wanted = asyncio.Event()
        self._told_to: int | None = None
        self._marks: dict[str, dict[str, int]] = {}

    async def begin(self, client: Client) -> None:
        """Know where a client that has joined begins, before its snapshots are read: whatever is
        written from then on is in them, or told."""
        account_id = client.account_id
        # Who is first says where to begin; another may have been faster while this one read.
        if "alerts" in client.topics and self._told_to is None:
            head = await self._read(self._tail.head)
            self._told_to = head if self._told_to is None else self._told_to
        if "entities" in client.topics and account_id not in self._marks:
            found = await self._read(self._marks_of, [account_id])
            self._marks.setdefault(account_id, found[account_id])
        if client.topics & {"alerts", "entities"}:
            self._wanted.set()

    async def run(self) -> None:
        """Look while there are subscribers, until cancelled."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(LOOK_S)
            try:
                await self._look()
            except TallybrookError as error:
                _log.warning("live: %s; looking again", error.detail)

    async def _look(self) -> None:
        to_alerts, to_entities = self._hub.accounts("alerts"), self._hub.accounts("entities")
        if not to_alerts:
            self._told_to = None
        for account_id in self._marks.keys() - to_entities:
            del self._marks[account_id]
        if not to_alerts | to_entities:
            self._wanted.clear()
            return
        if self._told_to is not None:
            await self._tell_alerts(self._told_to)
        for account_id, found in (await self._read(self._marks_of, list(self._marks))).items():
            self._tell_changed(account_id, found)

    async def _tell_alerts(self, after: int) -> None:
        found = await self._read(self._tail.published, after, _AT_ONCE)
        if not found:
            return
        # Who is subscribed is asked after the read: one who joins later has it in the snapshot.
        to = self._hub.accounts("alerts")
        mine = [notice for _, notice in found if notice.account_id in to]
        for account_id, data in (await self._read(self._shown, mine)).items():
            self._hub.send(account_id, "alerts", data)
        self._told_to = found[-1][0]

    def _shown(self, notices: list[Notice]) -> dict[str, AlertsTold]:
        opened = self._entities()
        return new_alerts(opened.state, opened.catalog, notices, self._clock())

    def _marks_of(self, accounts: list[str]) -> dict[str, dict[str, int]]:
        return {one: marks(self._entities().state, one) for one in accounts}

    def _tell_changed(self, account_id: str, found: dict[str, int]) -> None:
        before = self._marks.get(account_id)
        if before is None or found == before:
            return
        self._marks[account_id] = found
        types = sorted(name for name, version in found.items() if before.get(name) != version)
        as_of = format_instant(self._clock())
        self._hub.send(account_id, "entities", EntitiesTold(as_of, types))

    async def _read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: function(*args, **kwargs))
