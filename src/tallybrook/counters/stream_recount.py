"""The recount that changes of records set off: affected → ticket → read → tally → write → report.

Why the stored numbers are right when several of these run at once, twice, or late: a recount takes
its version before it reads and a bucket keeps the highest. Of all recounts that a bucket's hour
was affected for, the one with the highest version read after all those changes; it wins.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from tallybrook.counters.buckets import SIZES
from tallybrook.counters.tallies import Tally
from tallybrook.counters.window import Pair, Touch, Window, affected, tally_window, window_of
from tallybrook.errors import TallybrookError
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import CounterKey
from tallybrook.ports.metrics import BucketKey, MetricSink, Written
from tallybrook.ports.records import RecordSource


class PairRecount(Struct):
    """What became of one (account, type): its tally and what was written, or the error."""

    pair: Pair
    window: Window
    touches: Sequence[Touch]
    tally: Tally | None = None
    written: Written | None = None
    error: TallybrookError | None = None


class StreamRecount(Struct):
    """A whole recount. ``failed`` are the changes whose pair was not recounted: nothing of it was
    written, or not all of it, and they have to come again."""

    now_us: int
    pairs: list[PairRecount] = field(default_factory=list)

    @property
    def failed(self) -> list[Touch]:
        return [touch for pair in self.pairs if pair.error for touch in pair.touches]

    @property
    def changes(self) -> dict[CounterKey, int]:
        """By how much minute buckets changed, for those who watch."""
        changes: dict[CounterKey, int] = {}
        for pair in self.pairs:
            changes.update(pair.written.changes if pair.written else {})
        return changes


def recount_touched(
    touches: Iterable[Touch],
    source: RecordSource,
    sink: MetricSink,
    *,
    clock: Clock = system_clock,
    look_back_h: int | None = None,
) -> StreamRecount:
    """Count the hours that these changes affect again and write every bucket of them.

    One pair's failure is its own: its changes are in ``failed`` and the others go on.
    """
    report = StreamRecount(clock())
    for changed in affected(touches).values():
        pair = PairRecount(changed[0].pair, window_of(changed, report.now_us, look_back_h), changed)
        report.pairs.append(pair)
        try:
            _recount(pair, source, sink, clock)
        except TallybrookError as error:
            pair.error = error
    return report


def recount_window(
    pair: Pair, window: Window, source: RecordSource, sink: MetricSink, clock: Clock = system_clock
) -> PairRecount:
    """Count these hours of one pair again and write them. Raises what went wrong."""
    result = PairRecount(pair, window, ())
    _recount(result, source, sink, clock)
    return result


def compare_window(
    pair: Pair, window: Window, source: RecordSource, sink: MetricSink
) -> dict[BucketKey, tuple[int, int]]:
    """Buckets of these hours whose stored count is not the recounted one: (stored, recounted).

    Writes nothing. A bucket that is absent has count 0.
    """
    expected = tally_window(source.read(*pair, window.intervals), (), window).counts
    stored: dict[BucketKey, int] = {}
    for start_us, end_us in window.intervals:
        for minutes in SIZES:
            rows = sink.stored(*pair, minutes, start_us // 1_000_000, end_us // 1_000_000)
            stored.update({(minutes, row.start_s): row.count for row in rows})
    return {
        key: (stored.get(key, 0), count)
        for key, count in expected.items()
        if stored.get(key, 0) != count
    }


def _recount(pair: PairRecount, source: RecordSource, sink: MetricSink, clock: Clock) -> None:
    version = sink.ticket(*pair.pair)
    rows = source.read(*pair.pair, pair.window.intervals)
    pair.tally = tally_window(rows, pair.touches, pair.window)
    pair.written = sink.write(*pair.pair, pair.tally.counts, version, clock())
