"""Live updates on AWS: the messages of the live protocol, posted to open WebSockets.

The same messages as the server's. What is different: nothing is remembered, so that a client that
comes back always gets a snapshot; and a message has at most 128 KiB, so that a snapshot of very
many series goes less far back, one of large failed records has fewer of them, a delta is several
messages where it has to be, and long bodies of failed records are cut. Of failed records only those
that the stream's function keeps are told at once; those that the intake's functions keep, which
know of no connections, are in the next snapshot.

Of entities and alerts the function that takes them in tells (``live_entities``).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from tallybrook.entrypoints.lambdas.runtime import Opened
from tallybrook.errors import TallybrookError
from tallybrook.events.instants import format_instant
from tallybrook.failed.showing import ShownFailure, shown
from tallybrook.live.messages import LiveTopic, Message, changes_of, metrics_snapshot
from tallybrook.ports.log import Commit, FailedRecord
from tallybrook.ports.sockets import MAX_MESSAGE_BYTES, Sockets

MAX_BODY = 2_000
"""Characters of a failed record's body that a message carries; the whole is read over HTTP."""

_LISTED = 50
_log = logging.getLogger("tallybrook.lambda")
_encode = msgspec.json.encode


def push(commits: list[Commit], opened: Opened, sockets: Sockets) -> None:
    """Tell the subscribers of every account what the commits changed.

    What cannot be told is logged and left: the commits are made, and delivering them again would
    not tell it either.
    """
    with telling():
        for account_id, topic, message in deltas(commits, opened):
            sockets.push(account_id, topic, message)


@contextmanager
def telling() -> Iterator[None]:
    """What goes wrong in the block is logged and left."""
    try:
        yield
    except TallybrookError as error:
        _log.warning("live updates were not told: %s", error)


def deltas(commits: list[Commit], opened: Opened) -> Iterator[tuple[str, LiveTopic, bytes]]:
    """The messages of some commits: account, topic, message."""
    seq, as_of = commits[-1].last_seq, format_instant(commits[-1].now_us)
    for account_id, changes in changes_of(opened.stores.counters, commits).items():
        for message in _delta("metrics", seq, {"as_of": as_of, "changes": changes}, "changes"):
            yield account_id, "metrics", message
    failed: dict[str, list[FailedRecord]] = {}
    for record in (record for commit in commits for record in commit.failed):
        failed.setdefault(record.account_id, []).append(record)
    for account_id, records in failed.items():
        data = {"failed": [_short(record) for record in records]}
        for message in _delta("failed", seq, data, "failed"):
            yield account_id, "failed", message


def snapshot(account_id: str, topic: LiveTopic, opened: Opened) -> bytes:
    """The first message of a topic. ``seq`` is read first: what comes in meanwhile is told again
    by a delta, with an absolute count."""
    seq = opened.log.head
    if topic == "failed":
        page = opened.stores.failed.page(account_id, "open", _LISTED, None)
        records = [_short(record) for record in page]
        while len(told := _encode(Message("snapshot", topic, seq, {"failed": records}))) > (
            MAX_MESSAGE_BYTES
        ):
            records = records[: len(records) // 2]
        return told
    if topic in ("entities", "alerts"):
        # Not for functions that have no part in entities.
        from tallybrook.entrypoints.lambdas.live_entities import entities_snapshot

        return entities_snapshot(account_id, topic, opened, seq)
    found = metrics_snapshot(
        opened.stores.counters, account_id, opened.now_us(), opened.log.lag_ms()
    )
    message = _encode(Message("snapshot", topic, seq, found))
    while len(message) > MAX_MESSAGE_BYTES and found.minutes:
        latest = sorted(found.minutes, key=lambda minute: minute.start)
        found.minutes = latest[len(latest) // 2 + 1 :]
        message = _encode(Message("snapshot", topic, seq, found))
    return message


def _short(record: FailedRecord) -> ShownFailure:
    found = shown(record)
    found.body = found.body[:MAX_BODY]
    return found


def _delta(topic: LiveTopic, seq: int, data: dict[str, Any], part: str) -> Iterator[bytes]:
    """A delta; one for each half of its ``part`` where it is too large."""
    message = _encode(Message("delta", topic, seq, data))
    items = data[part]
    if len(message) <= MAX_MESSAGE_BYTES or len(items) == 1:
        yield message
        return
    half = len(items) // 2
    for some in (items[:half], items[half:]):
        yield from _delta(topic, seq, {**data, part: some}, part)
