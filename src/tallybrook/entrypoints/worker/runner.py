"""Driving one consumer: read past its position, linger, hand over, try again on errors."""

import logging
import random
import threading
import time
from typing import Literal

from tallybrook.entrypoints.worker.standing import Standing, now_text
from tallybrook.errors import RetryableError
from tallybrook.ports.log import Chunk, LogReader
from tallybrook.ports.log.consumer import Consumer

POLL_S = 0.2
"""How long new entries may lie unseen; looking costs some 20 µs."""

_FIRST_WAIT_S = 0.1
_MAX_WAIT_S = 5.0
_IDLE_FIRST_S = 1.0
_IDLE_MAX_S = 30.0
_LAST_TRIES = 3

_log = logging.getLogger("tallybrook.worker")


class Runner:
    """One consumer in one thread. ``stop`` ends it after the batch in hand.

    Nothing is skipped: a batch that fails is handed over again, until it goes in, from the
    position the consumer itself reports. ``standing`` is kept up to date for the status file.
    """

    def __init__(
        self, consumer: Consumer, reader: LogReader, standing: Standing, stop: threading.Event
    ) -> None:
        self._consumer, self._reader = consumer, reader
        self._standing, self._stop = standing, stop
        self._known: int | None = None
        self._idle_s, self._idle_at_s = _IDLE_FIRST_S, 0.0

    def run(self) -> None:
        """Follow the log until ``stop``, then take in what it holds by then, without lingering."""
        while not self._stop.is_set():
            self._stop.wait(self._attempt(linger=True))
        while self._standing.tries < _LAST_TRIES and self._attempt(linger=False) == 0:
            pass
        self._standing.status = "stopped"

    def _attempt(self, *, linger: bool) -> float:
        """One step; how many seconds to wait before the next, 0 when there may be more."""
        try:
            wait_s = self._step(linger=linger)
        except RetryableError as error:
            return self._failed("retrying", error, max(self._backoff_s(), error.retry_after_s))
        except Exception as error:  # noqa: BLE001 (kept in the standing, logged, tried again)
            return self._failed("failing", error, self._backoff_s())
        self._standing.status, self._standing.tries = "ok", 0
        return wait_s

    def _step(self, *, linger: bool) -> float:
        position = self._position()
        head = self._reader.head()
        if head <= self._standing.seen:
            return self._rest() if linger else POLL_S
        chunks = self._reader.chunks(self._consumer.topic, position, self._consumer.max_entries)
        if not chunks:
            self._standing.seen = head
            return POLL_S
        wait_s = self._linger_s(chunks, head - position) if linger else 0.0
        if wait_s > 0:
            return wait_s
        self._consumer.handle(chunks)
        self._took_in(chunks)
        return 0.0

    def _position(self) -> int:
        """Asked of the consumer at the start and after every error: in between only we move it."""
        if self._known is None:
            self._known = self._consumer.position()
            self._standing.position = self._known
            self._standing.seen = max(self._known, self._standing.seen)
        return self._known

    def _took_in(self, chunks: list[Chunk]) -> None:
        self._known = self._standing.position = chunks[-1].last_seq
        self._standing.seen = max(self._standing.seen, self._known)
        self._standing.entries += sum(chunk.count for chunk in chunks)
        self._idle_s = _IDLE_FIRST_S
        self._idle_at_s = time.monotonic() + self._idle_s

    def _linger_s(self, chunks: list[Chunk], pending: int) -> float:
        """How long the oldest waiting entry may wait for company."""
        if pending >= self._consumer.max_entries:
            return 0.0
        age_s = max(0.0, time.time() - chunks[0].ingested_at / 1e6)
        return self._consumer.linger_s - age_s

    def _rest(self) -> float:
        """Nothing to read: housekeeping, ever less often while it stays quiet."""
        if time.monotonic() >= self._idle_at_s:
            self._consumer.idle()
            self._idle_s = min(_IDLE_MAX_S, self._idle_s * 2)
            self._idle_at_s = time.monotonic() + self._idle_s
        return POLL_S

    def _backoff_s(self) -> float:
        doubling: float = min(_MAX_WAIT_S, _FIRST_WAIT_S * 2**self._standing.tries)
        return doubling * random.uniform(0.5, 1.0)

    def _failed(
        self, status: Literal["retrying", "failing"], error: Exception, wait_s: float
    ) -> float:
        now = self._standing
        text = f"{type(error).__name__}: {error}"
        is_news = text != now.last_error or now.tries == 0
        now.status, now.tries, now.last_error, now.last_error_at = (
            status, now.tries + 1, text, now_text(),
        )  # fmt: skip
        self._known = None
        if is_news:  # the same error again is counted in the standing, not logged again
            _log.error(
                "%s: after position %d: %s; trying again", self._consumer.name, now.position, text,
                exc_info=error if status == "failing" else None,
            )  # fmt: skip
        return wait_s
