"""The live hub: commits in, one prepared message a topic and tick out, to any number of clients.

Messages carry the log's sequence number. A client that comes back with the last one it saw gets
what it missed from a short memory, or a fresh snapshot where that does not reach back. Of entities
and alerts nothing is remembered, as nobody looks at them for clients that are not there.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

import msgspec

from tallybrook.events.instants import format_instant
from tallybrook.failed.showing import shown
from tallybrook.live.messages import LiveTopic, Message, changes_of
from tallybrook.ports.counters import Counters
from tallybrook.ports.log import Commit, FailedRecord

TICK_S = 0.04
REMEMBERED = 600
MAX_QUEUED = 256
_MEMORABLE: frozenset[LiveTopic] = frozenset({"metrics", "failed"})


class Client:
    """One subscriber: a bounded queue of encoded messages. ``lost`` once it overflowed."""

    def __init__(self, account_id: str, topics: frozenset[LiveTopic]) -> None:
        self.account_id = account_id
        self.topics = topics
        self.lost = False
        self._queue: deque[bytes] = deque()
        self._ready = asyncio.Event()

    def push(self, message: bytes) -> None:
        """Queue a message, or mark the client lost: it must never slow the others."""
        if len(self._queue) >= MAX_QUEUED:
            self.lost = True
        else:
            self._queue.append(message)
        self._ready.set()

    async def next(self, timeout_s: float) -> bytes | None:
        """The next message, or None after ``timeout_s`` without one or when lost."""
        while not self._queue and not self.lost:
            self._ready.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._ready.wait()
            except TimeoutError:
                return None
        return self._queue.popleft() if self._queue and not self.lost else None


class Hub:
    """Collects commits on the log's thread, sends in the event loop."""

    def __init__(self, counters: Counters, readers: Executor, head: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._counters = counters
        self._readers = readers
        self._clients: set[Client] = set()
        self._pending: list[Commit] = []
        self._memory: dict[tuple[str, LiveTopic], deque[tuple[int, bytes]]] = {}
        self._arrived = asyncio.Event()
        self._signalled = False
        self._since = head
        self.seq = head
        self.before: Callable[[Client], Awaitable[None]] | None = None
        """Awaited of each client that has joined, before its snapshots are read."""

    def committed(self, commit: Commit) -> None:
        """Log watcher: called on the log's thread."""
        self._pending.append(commit)
        if not self._signalled:
            self._signalled = True
            self._loop.call_soon_threadsafe(self._arrived.set)

    def join(self, client: Client) -> None:
        self._clients.add(client)

    def leave(self, client: Client) -> None:
        self._clients.discard(client)

    def accounts(self, topic: LiveTopic) -> set[str]:
        """Who is subscribed to a topic now."""
        return {client.account_id for client in self._clients if topic in client.topics}

    def missed(self, account_id: str, topic: LiveTopic, since: int) -> list[bytes] | None:
        """The messages after ``since``, or None when memory does not reach back to it."""
        if topic not in _MEMORABLE:
            return None
        memory = self._memory.get((account_id, topic), deque())
        oldest = memory[0][0] if len(memory) == REMEMBERED else self._since
        if since < oldest or since > self.seq:
            return None
        # A commit of nothing but failed records takes no number of its own: what has the last
        # number seen may be news. Told twice it is the same record.
        again = topic == "failed"
        return [message for seq, message in memory if seq > since or (again and seq == since)]

    async def run(self) -> None:
        """Send what was committed, a tick at a time, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await asyncio.sleep(TICK_S)
            # Cleared before the swap: a commit after it signals again.
            self._signalled = False
            commits, self._pending = self._pending, []
            if commits:
                await self._publish(commits)

    async def _publish(self, commits: list[Commit]) -> None:
        deltas = await self._loop.run_in_executor(
            self._readers, changes_of, self._counters, commits
        )
        self.seq = commits[-1].last_seq
        as_of = format_instant(commits[-1].now_us)
        for account_id, changes in deltas.items():
            self.send(account_id, "metrics", {"as_of": as_of, "changes": changes})
        failed: dict[str, list[FailedRecord]] = {}
        for record in (record for commit in commits for record in commit.failed):
            failed.setdefault(record.account_id, []).append(record)
        for account_id, records in failed.items():
            self.send(account_id, "failed", {"failed": [shown(record) for record in records]})

    def send(self, account_id: str, topic: LiveTopic, data: object) -> None:
        """Tell the subscribers of an account a delta. In the event loop."""
        message = msgspec.json.encode(Message("delta", topic, self.seq, data))
        if topic in _MEMORABLE:
            memory = self._memory.setdefault((account_id, topic), deque(maxlen=REMEMBERED))
            memory.append((self.seq, message))
        for client in self._clients:
            if client.account_id == account_id and topic in client.topics:
                client.push(message)
