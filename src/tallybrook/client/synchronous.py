"""The client for threads."""

import os
import threading
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from tallybrook.client import calls, scripts
from tallybrook.client.calls import Json, Moment, Parameter
from tallybrook.client.delivering import Delivery, Flushed, OnRejected
from tallybrook.client.lines import Line
from tallybrook.client.opening import Options, address_of, delivery_of, queue_path
from tallybrook.client.progress import progress_of
from tallybrook.client.queues import WhenFull
from tallybrook.client.shapes import (
    Analytics,
    AssessmentOutcome,
    AssessmentStatus,
    Item,
    OceanScores,
    QueryResult,
    RangeCount,
    Taken,
)


class Client:
    """A product at ``url``, called with ``key``; both come from ``TALLYBROOK_URL`` and
    ``TALLYBROOK_KEY`` where they are not given.

    * ``track_event`` puts events in a queue on disk (``queue`` names its file, ``":memory:"`` is
      none) and returns; a thread sends ``flush_size`` of them together, and all that wait after
      ``flush_interval_s``. They outlive this process and are counted once however often they are
      sent.
    * The queue holds ``max_queued_events`` and ``max_queued_bytes``. Beyond, ``when_full`` says:
      ``raise`` ``QueueFullError``, ``drop_oldest`` or ``drop_newest`` (counted in ``stats``).
    * Every other call is tried again for ``retry_for_s`` while that can help, with pauses that
      double, differ at random, and are never shorter than ``Retry-After``.
    * Errors are those of ``tallybrook.errors``: ``RetryableError`` when the same call may succeed
      later, ``TerminalError`` (``InvalidError``, ``NotFoundError``, ...) when it has to change.
    * Safe for threads and after ``fork``. ``close`` (or the end of a ``with`` block, or of the
      process) sends what waits.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout_s: float = 30.0,
        retry_for_s: float = 30.0,
        flush_size: int = 100,
        flush_interval_s: float = 1.0,
        queue: str | os.PathLike[str] | None = None,
        max_queued_events: int = 1_000_000,
        max_queued_bytes: int = 1 << 30,
        when_full: WhenFull = "raise",
        on_rejected: OnRejected | None = None,
        close_timeout_s: float = 10.0,
    ) -> None:
        self._options = Options(
            timeout_s=timeout_s, retry_for_s=retry_for_s, flush_size=flush_size,
            flush_interval_s=flush_interval_s, queue=queue, max_queued_events=max_queued_events,
            max_queued_bytes=max_queued_bytes, when_full=when_full, on_rejected=on_rejected,
            close_timeout_s=close_timeout_s,
        )  # fmt: skip
        self._address = address_of(url, key, self._options)
        self._line = Line(self._address)
        self._making = threading.Lock()
        self._delivery: Delivery | None = None
        waiting = queue_path(self._address, queue)
        if waiting is not None and waiting.exists():
            self._events()  # what an earlier process left is sent

    def _events(self) -> Delivery:
        with self._making:
            if self._delivery is None:
                self._delivery = delivery_of(self._address, self._options)
            return self._delivery

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """Send what waits, for ``close_timeout_s`` at most, and let go of everything. What is left
        stays on disk; out of a queue in memory it is lost, and ``RetryableError`` says so."""
        try:
            if self._delivery is not None:
                self._delivery.close(self._options.close_timeout_s)
        finally:
            self._line.close()

    # Events

    def track_event(self, event: Mapping[str, Any]) -> str:
        """Queue an event (``event_type``, ``user_id`` or ``anonymous_id``, ``properties``, ...);
        its id. An id and the present time are added where it has none.

        Raises ``InvalidError`` or ``TooLargeError`` for an event that the product would reject,
        ``QueueFullError``, and ``StorageError`` where the disk refuses.
        """
        return self._events().put(event, time.time_ns() // 1000)

    def flush(self, timeout_s: float = 30.0) -> Flushed:
        """Send everything tracked so far, and say what became of it. Raises the last failure when
        ``timeout_s`` are over, at once where trying again cannot help; nothing is lost by that."""
        return self._events().flush(timeout_s)

    @property
    def stats(self) -> Flushed:
        """What became of the events of this client so far, and how many wait."""
        return self._events().seen()

    # Assessments

    def process_assessment(
        self, assessment: Mapping[str, Any], *, timeout_s: float = 30.0
    ) -> OceanScores:
        """Send a raw assessment and wait for its scores. Sent again it is scored once.

        Raises ``InvalidError`` where it cannot be scored, with a pointer to each fault, and
        ``RetryableError`` when it was taken in and not scored within ``timeout_s``.
        """
        return self._line.play(scripts.process_assessment(assessment, timeout_s))

    def send_assessment(self, assessment: Mapping[str, Any]) -> Taken:
        """Send a raw assessment and do not wait: ``assessment_status`` tells how it stands."""
        return self._line.run(calls.send_assessment(assessment))

    def assessment_status(self, assessment_id: str) -> AssessmentStatus:
        """How an assessment stands, by its pseudonym. Raises ``NotFoundError``."""
        return self._line.run(calls.assessment(assessment_id))

    def batch_process_assessments(
        self,
        assessments: Iterable[Mapping[str, Any]],
        *,
        wait: bool = True,
        timeout_s: float = 30.0,
        progress: bool | None = None,
    ) -> list[AssessmentOutcome]:
        """Send any number of assessments; what became of each, in their order. One at fault spoils
        only itself. Waits for the scores, for each ``timeout_s`` after the one before.

        ``progress`` shows a bar on stderr; None: when that is a terminal.
        """
        with progress_of(assessments, progress) as done:
            return self._line.play(scripts.process_batch(assessments, timeout_s, done, wait=wait))

    def get_ocean_scores(self, user_id: str) -> OceanScores:
        """The scores of a user's latest assessment by its own time, by user id or pseudonym.
        Raises ``NotFoundError`` when there are none (yet)."""
        return self._line.run(calls.ocean_scores(user_id))

    def distributions(
        self, group_by: str = "industry", *, assessment_type: str | None = None
    ) -> Json:
        """How scores are spread in groups of people, small groups withheld."""
        path = "/assessments/distributions"
        return self._line.run(calls.get(path, group_by=group_by, assessment_type=assessment_type))

    # Two AIs

    def send_agreement_messages(self, messages: Iterable[Mapping[str, Any]]) -> list[Item]:
        """Send messages of two AIs that scored the same assessments; what became of each."""
        return self._line.play(scripts.send_messages(messages))

    def agreement(
        self, start: Moment | None = None, end: Moment | None = None, *, group_by: str | None = None
    ) -> Json:
        """How far two AIs agree over a window (default: the last 30 days)."""
        return self._line.run(calls.get("/agreement", start=start, end=end, group_by=group_by))

    # Records

    def put_record(self, record_type: str, record_id: str, record: Mapping[str, Any]) -> Json:
        """Create or replace a record."""
        return self._line.run(calls.put_record(record_type, record_id, record))

    def delete_record(self, record_type: str, record_id: str) -> Json:
        """Delete a record."""
        return self._line.run(calls.delete_record(record_type, record_id))

    def erase_user(self, user_id: str, also: Iterable[str] = ()) -> Json:
        """Have a user erased, with further ids of theirs (a key with the scope ``admin``). It is
        recorded when this returns and done soon; ``erasure`` of its ``erasure_id`` tells."""
        return self._line.run(calls.erase_user(user_id, also))

    def erasure(self, erasure_id: str) -> Json:
        """How an erasure stands (``status`` pending or done), and what it took."""
        return self._line.run(calls.erasure(erasure_id))

    # Reading

    def count(
        self, series: str, start: Moment | None = None, end: Moment | None = None
    ) -> RangeCount:
        """How many of a series (an event or record type) lie in a range. Raises
        ``NotFoundError``."""
        return self._line.run(calls.count(series, start, end))

    def analytics(
        self, metric: str, start: Moment | None = None, end: Moment | None = None, *,
        group_by: str | None = None, filters: Mapping[str, str] | None = None,
    ) -> Analytics:  # fmt: skip
        """A metric over time: an event type, ``unique_users``, ``sum:PROPERTY`` or
        ``avg:PROPERTY``; zero-filled, by day where ``group_by`` says nothing else."""
        return self._line.run(calls.analytics(metric, start, end, group_by, filters))

    def query(
        self, sql: str, parameters: Mapping[str, Parameter] | None = None, *,
        limit: int | None = None, full_scan: bool = False, dry_run: bool = False,
    ) -> QueryResult:  # fmt: skip
        """Run one read-only statement. Parameters are bound to its ``{{name}}``s. Without a filter
        on time it needs ``full_scan``; ``dry_run`` says what it would cost."""
        return self._line.run(calls.query(sql, parameters, limit, full_scan, dry_run))

    def series(self) -> list[Json]:
        """Every series that was ever counted, with its count."""
        found: list[Json] = self._line.run(calls.get("/series"))["series"]
        return found

    def realtime(self, as_of: Moment | None = None) -> Json:
        """Current and previous buckets of 1, 5, 15 and 60 minutes."""
        return self._line.run(calls.get("/realtime/metrics", as_of=as_of))

    def buckets(
        self, series: str, start: Moment | None = None, end: Moment | None = None, *,
        minutes: int | None = None,
    ) -> list[Json]:  # fmt: skip
        """Stored buckets of one size."""
        path = f"/aggregations/{calls.segment(series)}"
        call = calls.get(path, start=start, end=end, minutes=minutes)
        found: list[Json] = self._line.run(call)["buckets"]
        return found

    def event(self, event_id: str) -> Json:
        """One event. Raises ``NotFoundError``."""
        return self._line.run(calls.get(f"/events/{calls.segment(event_id)}"))

    def user_events(self, user_id: str, limit: int = 50) -> list[Json]:
        """A user's newest events, the newest first."""
        call = calls.get(f"/users/{calls.segment(user_id)}/events", limit=limit)
        found: list[Json] = self._line.run(call)["events"]
        return found

    def entities(
        self, entity_type: str, *, sort: str | None = None, threshold: float | None = None,
        limit: int | None = None,
    ) -> list[Json]:  # fmt: skip
        """Entities of a type with their metrics, in the order of one of them."""
        path = f"/entities/{calls.segment(entity_type)}"
        call = calls.get(path, sort=sort, threshold=threshold, limit=limit)
        found: list[Json] = self._line.run(call)["entities"]
        return found

    def entity(self, entity_type: str, entity_id: str) -> Json:
        """One entity with its metrics. Raises ``NotFoundError``."""
        path = f"/entities/{calls.segment(entity_type)}/{calls.segment(entity_id)}"
        return self._line.run(calls.get(path))

    def alerts(self, *, severity: str | None = None, since: Moment | None = None) -> list[Json]:
        """Alerts, the newest first."""
        call = calls.get("/alerts", severity=severity, since=since)
        found: list[Json] = self._line.run(call)["alerts"]
        return found

    def generate_cost_report(self, start: Moment, end: Moment) -> Json:
        """What the work of ``[start, end)`` cost by function, service and day, and would cost."""
        return self._line.run(calls.cost_report(start, end))

    def health(self) -> Json:
        """Whether the product can write, and how far its consumers are behind."""
        return self._line.run(calls.get("/ready"))
