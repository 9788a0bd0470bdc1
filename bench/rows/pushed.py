"""From an event being sent to its being counted, and to its being told on an open socket."""

import asyncio
import os
import resource
import time
from collections.abc import Coroutine
from statistics import median
from typing import Any, TypeVar

import msgspec
import uvloop
from msgspec import Struct

from bench import machine, openloop
from bench.product import Product, product
from bench.row import Goal, Options, Row, absolute
from bench.sockets import Http, Subscriber, subscribe

T = TypeVar("T")

RATE = 5_000
SUBSCRIBERS = 1_000
_EVERY_S = 0.04
_SERIES = "probe"


class Change(Struct):
    series: str
    delta: int


class Delta(Struct):
    """What a delta says that matters here; a snapshot has no changes."""

    changes: list[Change] = []


class Message(Struct):
    data: Delta


_decode = msgspec.json.Decoder(Message).decode


class Probes:
    """Events of a series of their own: when each was sent, counted and told (seconds)."""

    def __init__(self) -> None:
        self.sent_s: list[float] = []
        self.counted_s: list[float] = []
        self.told_s: list[float] = []

    def heard(self, _from: Subscriber, payload: bytes, at_s: float) -> None:
        told = sum(c.delta for c in _decode(payload).data.changes if c.series == _SERIES)
        self.told_s += [at_s] * told

    async def run(self, port: int, key: str, seconds: int) -> None:
        """A probe every 40 ms."""
        http = await Http(port, key).open()
        listener = await subscribe(port, key, self.heard)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            await self._probe(http)
            await asyncio.sleep(_EVERY_S)
        await openloop.until(lambda: len(self.told_s) >= len(self.sent_s), 10)
        listener.transport.close()
        http.close()

    async def _probe(self, http: Http) -> None:
        number = len(self.sent_s) + 1
        body = b'{"event_type":"probe","user_id":"u","event_id":"probe-%s-%d"}'
        self.sent_s.append(time.perf_counter())
        await http.ask("POST", "/events", body % (str(id(self)).encode(), number))
        range_ = f"start={_hour(-1)}&end={_hour(2)}"
        while True:
            _, reply = await http.ask("GET", f"/counts/{_SERIES}?{range_}")
            if msgspec.json.decode(reply)["count"] >= number:
                break
        self.counted_s.append(time.perf_counter())

    def delays_ms(self) -> tuple[list[float], list[float]]:
        """Sent to counted, and sent to told, ascending."""
        if len(self.told_s) != len(self.sent_s):
            raise RuntimeError(f"{len(self.sent_s)} were sent and {len(self.told_s)} told")
        pairs = (self.counted_s, self.told_s)
        counted, told = (
            sorted((end - start) * 1000 for start, end in zip(self.sent_s, ends, strict=True))
            for ends in pairs
        )
        return counted, told


def pushed(options: Options) -> list[Row]:
    """While 5 000 events a second come in one by one."""
    counted: list[float] = []
    told: list[float] = []
    rates: list[float] = []
    seconds = max(4, options.seconds)
    for _ in range(options.rounds):
        with product(options.scratch) as running:
            client = openloop.start(running.port, running.key, RATE, seconds + 1)
            probes = Probes()
            _run(probes.run(running.port, running.key, seconds))
            rates.append(openloop.result(client).per_s)
        for into, delays in zip((counted, told), probes.delays_ms(), strict=True):
            into.append(delays[int(len(delays) * 0.99)])
    note = f"beside {median(rates):.0f} events/s, sent one by one"
    goal = Goal(100, "<=", " ms")
    return [
        absolute("event to counter readable, p99", counted, "ms", goal, note),
        absolute("event to pushed on the socket, p99", told, "ms", goal, note),
    ]


def fanout(options: Options) -> list[Row]:
    """One event, a thousand subscribers: until the last of them has been told."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3 * SUBSCRIBERS:
        raise RuntimeError(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * SUBSCRIBERS), hard))
    with product(options.scratch) as running:
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {machine.CLIENT_CORE})
        try:
            first, last = _run(_fan_out(running, 8 if options.quick else 30))
        finally:
            os.sched_setaffinity(0, cores)
    spread = [end - start for start, end in zip(first, last, strict=True)]
    return [
        absolute("1 000 sockets: first told to last told", spread, "ms"),
        absolute("1 000 sockets: sent to last told", last, "ms", Goal(200, "<=", " ms")),
    ]


async def _fan_out(running: Product, events: int) -> tuple[list[float], list[float]]:
    """Per event the ms from sending to the first and to the last subscriber."""
    heard: list[float] = []

    def told(_from: Subscriber, payload: bytes, at_s: float) -> None:
        if b'"delta"' in payload[:40]:
            heard.append(at_s)

    port, key = running.port, running.key
    subscribers = [await subscribe(port, key, told) for _ in range(SUBSCRIBERS)]
    http = await Http(port, key).open()
    first: list[float] = []
    last: list[float] = []
    for number in range(events):
        heard.clear()
        body = b'{"event_type":"probe","user_id":"u","event_id":"fan-%d"}' % number
        sent_s = time.perf_counter()
        await http.ask("POST", "/events", body)
        await openloop.until(lambda: len(heard) >= SUBSCRIBERS, 10)
        first.append((min(heard) - sent_s) * 1000)
        last.append((max(heard) - sent_s) * 1000)
    for subscriber in subscribers:
        subscriber.transport.close()
    http.close()
    return first, last


def _hour(offset: int) -> str:
    at = (int(time.time()) // 3600 + offset) * 3600
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
