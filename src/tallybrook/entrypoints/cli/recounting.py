"""The work and the report of ``tallybrook recount``."""

from collections.abc import Iterator
from pathlib import Path

from tallybrook.counters.buckets import SIZES
from tallybrook.counters.recount import Difference, Recount, corrections, recount
from tallybrook.errors import UsageError
from tallybrook.events.instants import format_instant, parse_instant
from tallybrook.ports.clock import system_clock
from tallybrook.settings import Settings
from tallybrook.wiring import log_path, open_counters


def run(data: Path, since: str | None, *, verify: bool) -> int:
    """Recount and report; 1 when ``verify`` finds a difference, else 0."""
    settings = Settings.from_env(data=str(data))
    if settings.backend == "local" and not log_path(data).exists():
        raise UsageError(f"{data} holds no log: nothing was collected there yet")
    since_us = _since_us(since)
    with open_counters(settings) as counters:
        found = recount(counters, since_us)
        for line in _report(found):
            print(line)
        if verify:
            return _verdict(found)
        counters.correct(corrections(found), system_clock())
    print(f"[3/3] update  {len(found.differences)} buckets corrected")
    print("✓ SUCCESS")
    return 0


def _since_us(since: str | None) -> int | None:
    if since is None:
        return None
    instant_us = parse_instant(since)
    if instant_us is None:
        raise UsageError(f"--since {since}: give an instant such as 2026-01-31T09:30:00Z")
    return instant_us


def _report(found: Recount) -> Iterator[str]:
    tallies = found.tallies.values()
    accounts = {account for account, _, _ in found.tallies}
    yield f"recount       {len(found.tallies)} series of {len(accounts)} accounts, {_window(found)}"
    skipped = sum(t.skipped_no_timestamp + t.skipped_invalid_timestamp for t in tallies)
    yield (
        f"[1/3] query   {sum(t.read for t in tallies)} records read,"
        f" {sum(t.out_of_window for t in tallies)} out of window, {skipped} without an instant"
    )
    yield f"[2/3] count   {sum(t.counted for t in tallies)} counted, every size adds up ✓"
    for minutes in SIZES:
        sized = [n for t in tallies for (size, _), n in t.counts.items() if size == minutes]
        yield f"              {minutes:>2} min  {len(sized)} buckets, total {sum(sized)}"


def _window(found: Recount) -> str:
    starts = [start for t in found.tallies.values() for size, start in t.counts if size == 60]
    if not starts:
        return "no hours"
    first, end = min(starts), max(starts) + 3600
    return f"{format_instant(first * 1_000_000)} to {format_instant(end * 1_000_000)}"


def _verdict(found: Recount) -> int:
    for difference in found.differences:
        print(_line(difference))
    print(f"[3/3] verify  {len(found.differences)} buckets differ")
    print("✗ DIFFERENT" if found.differences else "✓ SUCCESS")
    return 1 if found.differences else 0


def _line(difference: Difference) -> str:
    account, kind, series, minutes, start_s = difference.key
    return (
        f"  ✗ {account} {kind} {series} {format_instant(start_s * 1_000_000)} {minutes} min:"
        f" stored {difference.stored}, recounted {difference.recounted}"
    )
