"""The work and the report of ``tallybrook recount --remote``."""

from collections.abc import Sequence

from tallybrook.counters.recount_block import pair_lines
from tallybrook.counters.stream_recount import PairRecount, compare_window, recount_window
from tallybrook.counters.window import Window
from tallybrook.errors import UsageError
from tallybrook.events.instants import HOUR_US, format_instant, parse_instant
from tallybrook.ports.clock import system_clock
from tallybrook.ports.metrics import MetricSink
from tallybrook.ports.records import RecordSource
from tallybrook.records.reading import DEFAULT_TYPES
from tallybrook.wiring import open_remote_recounting


def run_remote(account_id: str, types: Sequence[str], since: str | None, *, verify: bool) -> int:
    """Recount the account's types and report; 1 when ``verify`` finds a difference, else 0.

    Raises what reading and writing raise; the types before that one are done.
    """
    unknown = sorted(set(types) - set(DEFAULT_TYPES))
    if unknown:
        raise UsageError(f"--type {unknown[0]}: known are {', '.join(DEFAULT_TYPES)}")
    window = _window(since)
    source, sink = open_remote_recounting()
    differing = 0
    for record_type in types or DEFAULT_TYPES:
        pair = (account_id, record_type)
        if verify:
            differing += _verify(pair, window, source, sink)
        else:
            _print(recount_window(pair, window, source, sink))
    print("✗ DIFFERENT" if differing else "✓ SUCCESS")
    return 1 if differing else 0


def _window(since: str | None) -> Window:
    current = system_clock() // HOUR_US
    if since is None:
        return Window((current - 1, current))
    since_us = parse_instant(since)
    if since_us is None or since_us // HOUR_US > current:
        raise UsageError(f"--since {since}: give a past instant such as 2026-01-31T09:30:00Z")
    return Window(tuple(range(since_us // HOUR_US, current + 1)))


def _verify(pair: tuple[str, str], window: Window, source: RecordSource, sink: MetricSink) -> int:
    differences = compare_window(pair, window, source, sink)
    print(f"{'/'.join(pair)}: {len(window.hours)} hours, {len(differences)} buckets differ")
    for (minutes, start_s), (stored, recounted) in sorted(differences.items()):
        start = format_instant(start_s * 1_000_000)
        print(f"  ✗ {start} {minutes} min: stored {stored}, recounted {recounted}")
    return len(differences)


def _print(done: PairRecount) -> None:
    for line in pair_lines(done):
        print(line)
