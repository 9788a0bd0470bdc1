"""Consumers: readers of the log whose effects and position are one unit."""

from typing import Protocol

from tallybrook.ports.log import Chunk, Topic


class Consumer(Protocol):
    """Derives something from one topic.

    ``handle`` makes the effects of the chunks and the new position durable together: after a
    crash at any instruction ``position`` tells exactly what has been taken in, and handing the
    same chunks over again (all at or below the position) changes nothing. ``RetryableError``
    means "hand me the same later". An entry that can never be taken in is kept as a failed
    record by the consumer itself, and the rest of the chunk goes on.
    """

    name: str
    topic: Topic
    max_entries: int
    linger_s: float
    """How long to wait for more before ``handle`` is called with less than ``max_entries``."""

    def position(self) -> int:
        """The last sequence number whose effects are durable, 0 at the start."""

    def handle(self, chunks: list[Chunk]) -> None:
        """Take in consecutive chunks, the first starting past ``position()``."""

    def idle(self) -> None:
        """Called when there is nothing to read: housekeeping such as compaction."""
