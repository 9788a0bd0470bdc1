"""The work of ``tallybrook simulate``: to stdout, or to a running product."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

import msgspec

from tallybrook.entities.simulate import Arrival, Plan, simulate
from tallybrook.entrypoints.cli.api import Api
from tallybrook.entrypoints.cli.output import note
from tallybrook.errors import UsageError
from tallybrook.events.instants import DAY_US, parse_instant
from tallybrook.ports.clock import system_clock

_SENDERS = 4
_A_ROUND = 200
_PATIENCE_S = 120.0
_LIVE_DAYS = 3650
"""As long as anyone looks."""


def run(
    seed: int, days: float, students: int, tutors: int, end: str | None, url: str | None,
    key: str | None, *, live: bool,
) -> int:  # fmt: skip
    """Write or send the stream; 0 when all of it went."""
    if days <= 0 or students < 1 or tutors < 1:
        raise UsageError("--days, --students and --tutors must be above 0")
    end_us = system_clock() if end is None else parse_instant(end)
    if end_us is None:
        raise UsageError(f"--end {end}: give an instant such as 2026-01-31T00:00:00Z")
    plan = Plan(seed, end_us - int(days * DAY_US), end_us, students, tutors)
    arrivals: Iterable[Arrival] = simulate(plan)
    if live:
        later = Plan(seed, end_us, end_us + _LIVE_DAYS * DAY_US, students, tutors)
        arrivals = chain(arrivals, _as_it_happens(simulate(later)))
    if url is None:
        _write(arrivals)
    else:
        _send(arrivals, url, key, live=live)
    return 0


def _as_it_happens(
    arrivals: Iterator[Arrival], wait: Callable[[float], object] = time.sleep
) -> Iterator[Arrival]:
    for arrival in arrivals:
        wait(max(0.0, (arrival.at - system_clock()) / 1e6))
        yield arrival


def _write(arrivals: Iterable[Arrival]) -> None:
    for arrival in arrivals:
        sys.stdout.buffer.write(msgspec.json.encode(arrival.envelope) + b"\n")


def _send(arrivals: Iterable[Arrival], url: str, key: str | None, *, live: bool) -> None:
    accepted = duplicate = 0
    with Api(url, key, _PATIENCE_S) as api, ThreadPoolExecutor(_SENDERS) as pool:

        def send(arrival: Arrival) -> str:
            return str(api.post("/ingest", msgspec.json.encode(arrival.envelope))["status"])

        rest = iter(arrivals)
        while group := list(islice(rest, 1 if live else _A_ROUND)):
            for status in pool.map(send, group):
                accepted += status == "accepted"
                duplicate += status == "duplicate"
    note(f"{accepted + duplicate} sent = {accepted} accepted + {duplicate} duplicate")
