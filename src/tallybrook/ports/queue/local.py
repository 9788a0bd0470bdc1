"""A queue in a SQLite file: any process of the machine sends and receives.

Every change is one transaction, synced before it is told. Receipts are made anew with each
delivery, so that an old one can never acknowledge what somebody else has in hand.
"""

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from secrets import token_hex

from tallybrook.errors import ConflictError
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.queue import (
    KEPT_S,
    MAX_DELAY_S,
    MAX_VISIBILITY_S,
    MAX_WAIT_S,
    Depth,
    Message,
    check_body,
    check_seconds,
)
from tallybrook.ports.sqlite import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    position INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0,
    receipt TEXT UNIQUE,
    dead INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS messages_visible ON messages (queue, dead, visible_at);
"""
_COLUMNS = "message_id, message_id, body, COALESCE(receipt, ''), receives, sent_at"
_LOOK_EVERY_S = 0.05


class SqliteQueue:
    """``ports.queue.Queue``: one queue of a file that may hold several. Keeps messages 14 days."""

    def __init__(
        self, path: Path, name: str, *, max_receives: int = 5, clock: Clock = system_clock
    ) -> None:
        self._name, self._max_receives, self._clock = name, max_receives, clock
        self._pause = threading.Event()
        self._db = Database(path, _SCHEMA, "the queue")

    def send(self, bodies: Sequence[str], delay_s: int = 0) -> list[str]:
        check_seconds("delay_s", delay_s, MAX_DELAY_S)
        now = self._clock()
        rows = [
            (self._name, token_hex(16), check_body(body), now, now + delay_s * 1_000_000)
            for body in bodies
        ]
        with self._db.transaction() as db:
            db.executemany(
                "INSERT INTO messages (queue, message_id, body, sent_at, visible_at)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )
        return [row[1] for row in rows]

    def receive(
        self, limit: int = 10, wait_s: float = 0.0, visibility_s: int = 30
    ) -> list[Message]:
        check_seconds("wait_s", wait_s, MAX_WAIT_S)
        check_seconds("visibility_s", visibility_s, MAX_VISIBILITY_S)
        deadline_s = time.monotonic() + wait_s
        while True:
            found = self._received(limit, visibility_s) if self._any_visible() else []
            left_s = deadline_s - time.monotonic()
            if found or left_s <= 0:
                return found
            self._pause.wait(min(left_s, _LOOK_EVERY_S))

    def extend(self, receipt: str, visibility_s: int) -> None:
        check_seconds("visibility_s", visibility_s, MAX_VISIBILITY_S)
        now = self._clock()
        with self._db.transaction() as db:
            changed = db.execute(
                "UPDATE messages SET visible_at = ? WHERE receipt = ? AND queue = ? AND dead = 0"
                " AND visible_at > ?",
                (now + visibility_s * 1_000_000, receipt, self._name, now),
            ).rowcount
        if not changed:
            raise ConflictError("the message is no longer in this receiver's hands")

    def acknowledge(self, receipts: Sequence[str]) -> None:
        with self._db.transaction() as db:
            db.executemany(
                "DELETE FROM messages WHERE receipt = ? AND queue = ? AND dead = 0",
                [(receipt, self._name) for receipt in receipts],
            )

    def depth(self) -> Depth:
        row = self._db.all(
            "SELECT COUNT(*) FILTER (WHERE NOT dead AND (receipt IS NULL OR visible_at <= ?)),"
            " COUNT(*) FILTER (WHERE NOT dead AND receipt IS NOT NULL AND visible_at > ?),"
            " COUNT(*) FILTER (WHERE dead) FROM messages WHERE queue = ?",
            (self._clock(), self._clock(), self._name),
        )[0]
        return Depth(*row)

    def dead(self, limit: int = 100) -> list[Message]:
        return _messages(
            self._db.all(
                f"SELECT {_COLUMNS} FROM messages WHERE queue = ? AND dead ORDER BY position"
                " LIMIT ?",
                (self._name, limit),
            )
        )

    def redrive(self, message_ids: Collection[str] | None = None) -> int:
        return self._change_dead(
            "UPDATE messages SET dead = 0, receives = 0, receipt = NULL, visible_at = ?",
            (self._clock(),),
            message_ids,
        )

    def discard(self, message_ids: Collection[str]) -> int:
        return self._change_dead("DELETE FROM messages", (), message_ids)

    def close(self) -> None:
        self._db.close()

    def _change_dead(
        self, change: str, args: tuple[object, ...], message_ids: Collection[str] | None
    ) -> int:
        which = f"{change} WHERE queue = ? AND dead"
        with self._db.transaction() as db:
            if message_ids is None:
                return db.execute(which, (*args, self._name)).rowcount
            return sum(
                db.execute(f"{which} AND message_id = ?", (*args, self._name, one)).rowcount
                for one in set(message_ids)
            )

    def _any_visible(self) -> bool:
        """A look that takes no write lock: receivers wait without hindering senders."""
        return bool(
            self._db.all(
                "SELECT 1 FROM messages WHERE queue = ? AND dead = 0 AND visible_at <= ? LIMIT 1",
                (self._name, self._clock()),
            )
        )

    def _received(self, limit: int, visibility_s: int) -> list[Message]:
        now = self._clock()
        visible = "queue = ? AND dead = 0 AND visible_at <= ?"
        with self._db.transaction() as db:
            db.execute(
                "DELETE FROM messages WHERE queue = ? AND sent_at < ?",
                (self._name, now - KEPT_S * 1_000_000),
            )
            db.execute(
                f"UPDATE messages SET dead = 1 WHERE {visible} AND receives >= ?",
                (self._name, now, self._max_receives),
            )
            # RETURNING has no order of its own.
            rows = db.execute(
                "UPDATE messages SET receives = receives + 1, visible_at = ?,"
                " receipt = lower(hex(randomblob(16))) WHERE position IN (SELECT position FROM"
                f" messages WHERE {visible} ORDER BY position LIMIT ?)"
                f" RETURNING {_COLUMNS}, position",
                (now + visibility_s * 1_000_000, self._name, now, limit),
            ).fetchall()
        return _messages(row[:-1] for row in sorted(rows, key=lambda row: row[-1]))


def _messages(rows: "Iterator[tuple[object, ...]] | list[tuple[int, ...]]") -> list[Message]:
    return [Message(*row) for row in rows]  # type: ignore[arg-type]
