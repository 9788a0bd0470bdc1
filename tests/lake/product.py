"""A log, the lake behind it and SQL over both, in one process and by the real parts."""

import json
from pathlib import Path
from typing import Any

from msgspec import Raw

from tallybrook.counters import delta
from tallybrook.events.model import Event
from tallybrook.lake.consumer import LakeConsumer
from tallybrook.ports.lake.local import LocalLake, LocalLakeReader
from tallybrook.ports.log import Write
from tallybrook.ports.log.local import SqliteLog, SqliteLogReader
from tallybrook.ports.sql import Limits, QueryRequest
from tallybrook.sql.session import Session
from tests.lake.scored import scored_line

DAY_US = 86_400_000_000
START_US = 1_772_323_200_000_000
"""2026-03-01T00:00:00Z."""


class Embedded:
    """``append`` to the log, ``flush`` to the lake, ``ask`` in SQL. ``now_us`` is the lake's
    clock; the tenth and every later step of the store can be made to raise with ``step``."""

    def __init__(self, folder: Path, **store: Any) -> None:
        self.folder, self.now_us, self.count = folder, START_US + 100 * DAY_US, 0
        self.log = SqliteLog(folder / "log.db", delta)
        self.reader = SqliteLogReader(folder / "log.db")
        self._session: Session | None = None
        self.open(**store)

    def open(self, **store: Any) -> None:
        """A writer, in place of the one that ended."""
        options = {"grace_s": 600, "now_us": lambda: self.now_us} | store
        self.lake = LakeConsumer(
            LocalLake(self.folder, **options), lambda record: None, now_us=lambda: self.now_us
        )

    def append(self, *events: dict[str, Any]) -> None:
        self.log.write(Write(events=[self._event(event) for event in events]))

    def flush(self) -> None:
        if chunks := self.reader.chunks("events", self.lake.position(), 100_000):
            self.lake.handle(chunks)

    def ask(self, sql: str, account: str = "acme", **options: Any) -> list[list[Any]]:
        """The rows of an answer."""
        parts: list[Any] = []
        if self._session is None:
            self._session = Session(LocalLakeReader(self.folder), self.reader, Limits(threads=1))
        asked = {"full_scan": True} | options
        request = QueryRequest(account_id=account, sql=sql, **asked)
        self._session.run(request, parts.append)
        self._session.prepare()
        return [row for part in parts[1:] for row in part]

    def close(self) -> None:
        self.lake.close()
        self.reader.close()
        self.log.close()

    def _event(self, told: dict[str, Any]) -> Event:
        self.count += 1
        event = {
            "event_id": f"e{self.count}",
            "event_type": "page_view",
            "timestamp": START_US + self.count * 1_000_000,
            "account_id": "acme",
        } | told
        if "properties" in event:
            event["properties"] = Raw(json.dumps(event["properties"]).encode())
        return Event(seq=0, ingested_at=START_US, time_source="event", **event)


def score_of(user: str, number: int = 1, **change: Any) -> dict[str, Any]:
    """The event of a score, as fields of ``append``."""
    event = json.loads(scored_line(0, user, number, **change))
    return {k: v for k, v in event.items() if k not in ("seq", "ingested_at", "time_source")}
