"""The log of a recount: a short block that can be read at a glance."""

from collections.abc import Iterator

from tallybrook.counters.stream_recount import PairRecount, StreamRecount
from tallybrook.counters.tallies import CrossCheckError, Tally, sizes_of
from tallybrook.counters.window import Pair, Window
from tallybrook.events.instants import HOUR_US, format_instant

MAX_NAMED = 5
"""Records without an instant that a pair's lines name."""


def block(report: StreamRecount) -> list[str]:
    """The lines. Nothing but the pairs, the three steps, the sizes and how it ended."""
    pairs = report.pairs
    lines = [f"recount       {len(pairs)} affected: {', '.join(_name(p.pair) for p in pairs)}"]
    for pair in pairs:
        lines += pair_lines(pair)
    failed = sum(pair.error is not None for pair in pairs)
    lines.append(f"⚠ PARTIAL     {failed} of {len(pairs)} failed" if failed else "✓ SUCCESS")
    return lines


def pair_lines(pair: PairRecount) -> Iterator[str]:
    """The lines of one pair."""
    yield f"{_name(pair.pair)}: {_window(pair.window)}"
    if pair.tally is None:
        step = "[2/3] count  " if isinstance(pair.error, CrossCheckError) else "[1/3] query  "
        yield f"{step} ✗ {_reason(pair)}, nothing written"
        return
    yield f"[1/3] query   {_read(pair.tally, pair.window)}"
    yield from _skipped(pair)
    yield f"[2/3] count   {pair.tally.counted} counted, every size adds up ✓"
    for minutes, (buckets, total) in sizes_of(pair.tally.counts).items():
        yield f"              {minutes:>2} min  {buckets} buckets, total {total}"
    yield f"[3/3] update  {_update(pair)}"


def _name(pair: Pair) -> str:
    return "/".join(pair)


def _window(window: Window) -> str:
    shown = [
        f"{format_instant(interval.start_us)} to {format_instant(interval.end_us)}"
        for interval in window.intervals
    ]
    hours = f"{len(window.hours)} hours: {', '.join(shown)}"
    if not window.beyond:
        return hours
    left_out = ", ".join(format_instant(hour * HOUR_US) for hour in window.beyond[:MAX_NAMED])
    return f"{hours}; {len(window.beyond)} touched hours beyond the look-back ({left_out})"


def _read(tally: Tally, window: Window) -> str:
    skipped = tally.skipped_no_timestamp + tally.skipped_invalid_timestamp
    return (
        f"{tally.read} records in {len(window.intervals)} ranges,"
        f" {tally.out_of_window} out_of_window, {skipped} without an instant"
    )


def _skipped(pair: PairRecount) -> Iterator[str]:
    last = {touch.record_id: touch for touch in pair.touches}
    for reason in ("no_timestamp", "invalid_timestamp"):
        ids = [touch.record_id for touch in last.values() if touch.skipped == reason]
        if ids:
            more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
            yield f"              skipped_{reason}: {', '.join(ids[:MAX_NAMED])}{more}"


def _update(pair: PairRecount) -> str:
    if pair.written is None:
        return f"✗ {_reason(pair)}"
    newer = pair.written.superseded
    kept = f", {newer} kept: a newer recount had written them" if newer else ""
    return f"{pair.written.written} buckets written{kept}"


def _reason(pair: PairRecount) -> str:
    return pair.error.detail if pair.error else "not done"
