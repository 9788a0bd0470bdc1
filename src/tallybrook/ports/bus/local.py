"""The bus in a SQLite file: an outbox that any process fills, and one works off.

Publishing appends to the outbox; an id that is still there is not stored twice. A subscriber is a
function in the process that calls ``deliver``. Its position moves together with the deliveries
that it owes, and every try is counted before it is made: whatever happens in the middle of it,
the notice comes again, and not for ever.
"""

import random
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from msgspec import Struct

from tallybrook.errors import RetryableError, TallybrookError, TerminalError
from tallybrook.ports.bus import Notice, detail_of, notice_of
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.sqlite import Database

Handler = Callable[[Notice], None]
GivenUp = Callable[[Notice, str, int], None]
"""Called with the notice, why, and after how many tries; twice for one notice is possible."""

KEPT_S = 7 * 24 * 3600
"""How long a delivered notice stays, and with it the memory of its id."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS notices (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    notice_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    detail BLOB NOT NULL,
    published_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS subscribers (name TEXT PRIMARY KEY, position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS owed (
    name TEXT NOT NULL,
    seq INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (name, seq)
) WITHOUT ROWID;
"""
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 900.0


class Subscriber(Struct):
    """Who is called. ``kinds`` None: everything."""

    name: str
    handle: Handler
    give_up: GivenUp
    kinds: frozenset[str] | None
    max_tries: int


class Owed(Struct):
    """A delivery that is due."""

    seq: int
    tries: int
    why: str
    notice: Notice


class LocalBus:
    """``ports.bus.Bus`` and ``Tail`` over a file, with subscribers in this process."""

    def __init__(self, path: Path, *, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._subscribers: dict[str, Subscriber] = {}
        self._db = Database(path, _SCHEMA, "the bus")

    def publish(self, notices: Sequence[Notice]) -> None:
        now = self._clock()
        rows = [(one.notice_id, one.kind, detail_of(one), now) for one in notices]
        with self._db.transaction() as db:
            db.executemany(
                "INSERT INTO notices (notice_id, kind, detail, published_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (notice_id) DO NOTHING",
                rows,
            )

    def subscribe(
        self,
        name: str,
        handle: Handler,
        give_up: GivenUp,
        *,
        kinds: Collection[str] | None = None,
        max_tries: int = 10,
    ) -> None:
        """Call ``handle`` with each notice (of these kinds) that ``deliver`` finds.

        A new name begins with what is published from now on, a known one goes on where it was.
        ``handle`` refuses with a ``TallybrookError``: a ``TerminalError`` is final, after any other
        it is called again, 1 s later, then twice as late each time (15 min at most). When the
        error is final or ``max_tries`` are used up, ``give_up`` gets the notice (to keep it as a
        failed record) and it is no longer owed.
        """
        chosen = None if kinds is None else frozenset(kinds)
        self._subscribers[name] = Subscriber(name, handle, give_up, chosen, max_tries)
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO subscribers (name, position)"
                " SELECT ?, COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'notices'), 0)"
                " ON CONFLICT (name) DO NOTHING",
                (name,),
            )

    def unsubscribe(self, name: str) -> None:
        """Forget a subscriber and what it is owed."""
        self._subscribers.pop(name, None)
        with self._db.transaction() as db:
            db.execute("DELETE FROM owed WHERE name = ?", (name,))
            db.execute("DELETE FROM subscribers WHERE name = ?", (name,))

    def deliver(self, limit: int = 100) -> int:
        """Call the subscribers of this process with what is due; how many calls were made.

        Up to ``limit`` calls a subscriber. Any other error than a ``TallybrookError`` goes through
        and is a counted try like one.
        """
        calls = 0
        for subscriber in list(self._subscribers.values()):
            self._take(subscriber, limit)
            for owed in self._due(subscriber, limit):
                calls += self._try(subscriber, owed)
        self._prune()
        return calls

    def waiting(self, name: str) -> int:
        """How many notices a subscriber has still to get, those that failed included."""
        row = self._db.all(
            "SELECT (SELECT COUNT(*) FROM owed WHERE name = s.name)"
            " + (SELECT COUNT(*) FROM notices WHERE seq > s.position)"
            " FROM subscribers s WHERE name = ?",
            (name,),
        )
        return int(row[0][0]) if row else 0

    def head(self) -> int:
        row = self._db.all("SELECT seq FROM sqlite_sequence WHERE name = 'notices'")
        return int(row[0][0]) if row else 0

    def published(self, after: int, limit: int = 1000) -> list[tuple[int, Notice]]:
        rows = self._db.all(
            "SELECT seq, kind, detail FROM notices WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [(seq, notice_of(kind, detail)) for seq, kind, detail in rows]

    def close(self) -> None:
        self._db.close()

    def _take(self, subscriber: Subscriber, limit: int) -> None:
        """Move the position, and owe what lies between, in one step."""
        with self._db.transaction() as db:
            (position,) = db.execute(
                "SELECT position FROM subscribers WHERE name = ?", (subscriber.name,)
            ).fetchone()
            rows = db.execute(
                "SELECT seq, kind FROM notices WHERE seq > ? ORDER BY seq LIMIT ?",
                (position, limit),
            ).fetchall()
            if not rows:
                return
            now = self._clock()
            db.executemany(
                "INSERT INTO owed (name, seq, tries, next_at, why) VALUES (?, ?, 0, ?, '')",
                [
                    (subscriber.name, seq, now)
                    for seq, kind in rows
                    if subscriber.kinds is None or kind in subscriber.kinds
                ],
            )
            db.execute(
                "UPDATE subscribers SET position = ? WHERE name = ?",
                (rows[-1][0], subscriber.name),
            )

    def _due(self, subscriber: Subscriber, limit: int) -> list[Owed]:
        rows = self._db.all(
            "SELECT seq, tries, why, kind, detail FROM owed JOIN notices USING (seq)"
            " WHERE name = ? AND next_at <= ? ORDER BY seq LIMIT ?",
            (subscriber.name, self._clock(), limit),
        )
        return [
            Owed(seq, tries, why, notice_of(kind, detail)) for seq, tries, why, kind, detail in rows
        ]

    def _try(self, subscriber: Subscriber, owed: Owed) -> int:
        """One call, counted before it is made; 0 when another process makes it."""
        if not self._counted(subscriber, owed):
            return 0
        if owed.tries >= subscriber.max_tries:
            self._give_up(subscriber, owed, owed.why or "it never came back", owed.tries)
            return 0
        try:
            subscriber.handle(owed.notice)
        except TerminalError as error:
            self._give_up(subscriber, owed, error.detail, owed.tries + 1)
        except TallybrookError as error:
            wait_s = error.retry_after_s if isinstance(error, RetryableError) else 0
            self._failed(subscriber, owed, error.detail, wait_s)
        else:
            self._settle(subscriber, owed)
        return 1

    def _counted(self, subscriber: Subscriber, owed: Owed) -> bool:
        next_at = self._clock() + int(_pause_s(owed.tries) * 1e6)
        with self._db.transaction() as db:
            changed = db.execute(
                "UPDATE owed SET tries = tries + 1, next_at = ?"
                " WHERE name = ? AND seq = ? AND tries = ?",
                (next_at, subscriber.name, owed.seq, owed.tries),
            ).rowcount
        return changed == 1

    def _failed(self, subscriber: Subscriber, owed: Owed, why: str, wait_s: float) -> None:
        if owed.tries + 1 >= subscriber.max_tries:
            self._give_up(subscriber, owed, why, owed.tries + 1)
            return
        not_before = self._clock() + int(wait_s * 1e6)
        with self._db.transaction() as db:
            db.execute(
                "UPDATE owed SET why = ?, next_at = MAX(next_at, ?) WHERE name = ? AND seq = ?",
                (why, not_before, subscriber.name, owed.seq),
            )

    def _give_up(self, subscriber: Subscriber, owed: Owed, why: str, tries: int) -> None:
        subscriber.give_up(owed.notice, why, tries)
        self._settle(subscriber, owed)

    def _settle(self, subscriber: Subscriber, owed: Owed) -> None:
        with self._db.transaction() as db:
            db.execute("DELETE FROM owed WHERE name = ? AND seq = ?", (subscriber.name, owed.seq))

    def _prune(self) -> None:
        """Old notices that nobody is owed any more. A number is never given twice."""
        oldest = self._clock() - KEPT_S * 1_000_000
        done = (
            "published_at < ? AND seq NOT IN (SELECT seq FROM owed)"
            " AND seq <= COALESCE((SELECT MIN(position) FROM subscribers), seq)"
        )
        if self._db.all(f"SELECT 1 FROM notices WHERE {done} LIMIT 1", (oldest,)):
            with self._db.transaction() as db:
                db.execute(f"DELETE FROM notices WHERE {done}", (oldest,))


def _pause_s(tries: int) -> float:
    pause_s: float = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(tries, 20))
    return pause_s * random.uniform(0.8, 1.0)
