"""The messages of the live protocol: snapshots, and what commits changed."""

from typing import Any, Literal

from msgspec import Struct

from tallybrook.counters import reading
from tallybrook.counters.buckets import start_of
from tallybrook.counters.reading import Check, SeriesNow
from tallybrook.events.instants import format_instant
from tallybrook.ports.counters import Counters
from tallybrook.ports.log import Commit, CounterKey, Kind

LiveTopic = Literal["metrics", "failed", "entities", "alerts"]
TOPICS: tuple[LiveTopic, ...] = ("metrics", "failed", "entities", "alerts")
SHOWN_S = 2 * 3600
"""Deltas are of buckets this young; older ones are read, not watched."""


class Subscribe(Struct):
    """What a client sends: topics, and the last sequence number it has seen, if any."""

    subscribe: list[str]
    since: int | None = None


class Change(Struct):
    """The minute bucket of a series: its new count, and by how much it changed."""

    series: str
    kind: Kind
    minute: str
    count: int
    delta: int


class Message(Struct):
    """What a client gets."""

    type: str
    topic: str
    seq: int
    data: Any


class Minute(Struct):
    """A minute bucket that is not empty."""

    series: str
    kind: Kind
    start: str
    count: int


class MetricsSnapshot(Struct):
    """The current buckets, and the last hour by minute."""

    as_of: str
    lag_ms: float
    series: list[SeriesNow]
    check: Check
    minutes: list[Minute]


def changes_of(counters: Counters, commits: list[Commit]) -> dict[str, list[Change]]:
    """Per account, the minute buckets of the last hours that the commits changed."""
    totals: dict[CounterKey, int] = {}
    oldest_s = commits[-1].now_us // 1_000_000 - SHOWN_S
    for commit in commits:
        for key, delta in commit.counts.items():
            if key[3] == 1 and key[4] >= oldest_s:
                totals[key] = totals.get(key, 0) + delta
    changes: dict[str, list[Change]] = {}
    for (account_id, kind, series, minutes, start_s), delta in totals.items():
        rows = counters.rows(account_id, kind, series, minutes, start_s, start_s + 1)
        count = rows[0].count if rows else 0
        change = Change(series, kind, format_instant(start_s * 1_000_000), count, delta)
        changes.setdefault(account_id, []).append(change)
    return changes


def metrics_snapshot(
    counters: Counters, account_id: str, now_us: int, lag_ms: float
) -> MetricsSnapshot:
    """The first message of the topic ``metrics``, all of it read at one commit."""
    this_minute = start_of(now_us, 1)
    with counters.at_once():
        found = reading.now(counters, account_id, now_us)
        sums = counters.sums(account_id, 1, this_minute - 59 * 60, this_minute + 60)
    minutes = [
        Minute(series, kind, format_instant(start * 1_000_000), count)
        for (kind, series, start), count in sorted(sums.items())
    ]
    return MetricsSnapshot(found.as_of, lag_ms, found.series, found.check, minutes)
