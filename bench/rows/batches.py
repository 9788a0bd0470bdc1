"""Batches, beside decoding the same bodies in one process and doing nothing with them."""

import secrets
import time
from typing import Any

import msgspec
from msgspec import Struct

from bench import machine, wrk
from bench.product import Product, product
from bench.row import Goal, Options, Row, absolute, beside

_RIVAL = "bare msgspec decode"
_DECODED_EVENTS = 200_000


class EventIn(Struct):
    """The fields of the bodies that are sent; ``properties`` is decoded too."""

    event_type: str
    event_id: str
    timestamp: str
    user_id: str | None = None
    session_id: str | None = None
    properties: dict[str, Any] = {}


class BatchIn(Struct):
    events: list[EventIn]


def batch(options: Options) -> list[Row]:
    """Batches of 100 and of 500: events a second, durable, known to be new, and counted."""
    wrk.require()
    rows: list[Row] = []
    with product(options.scratch) as running:
        wrk.run(running.port, "/events/batch", running.key, 1, 100)
        for size in (100, 500):
            rows += _of_size(running, size, options)
    return rows


def _of_size(running: Product, size: int, options: Options) -> list[Row]:
    bodies = [_body(size) for _ in range(_DECODED_EVENTS // size)]
    ours: list[float] = []
    bare: list[float] = []
    cpu_us: list[float] = []
    p99_ms: list[float] = []
    for _ in range(options.rounds):
        bare.append(_decode(bodies, size))
        head, before_s = running.head(), machine.cpu_s(running.server)
        load = wrk.run(running.port, "/events/batch", running.key, options.seconds, size)
        used_s = machine.cpu_s(running.server) - before_s
        if not load.requests * size <= running.head() - head:
            raise RuntimeError("more events were acknowledged than stored")
        ours.append(load.per_s * size)
        cpu_us.append(used_s / load.requests / size * 1e6)
        p99_ms.append(load.p99_us / 1000)
        running.settle()
    return [
        beside(f"batches of {size}, events/s", ours, "/s", _RIVAL, bare, Goal(0.4, ">=", "×")),
        absolute(f"batches of {size}, events/s", ours, "/s", Goal(350_000, ">=", "/s")),
        absolute(f"batches of {size}, server's processor an event", cpu_us, "µs"),
        absolute(f"batches of {size}, p99 at 64 connections", p99_ms, "ms"),
    ]


def _decode(bodies: list[bytes], size: int) -> float:
    """Events a second of decoding and nothing else."""
    decode = msgspec.json.Decoder(BatchIn).decode
    begun = time.perf_counter()
    for body in bodies:
        decode(body)
    return len(bodies) * size / (time.perf_counter() - begun)


def _body(size: int) -> bytes:
    """The body that the load generator's script makes."""
    events = [
        {
            "event_id": f"{secrets.token_hex(4)}-0000-7000-8000-{secrets.token_hex(6)}",
            "event_type": "page_view",
            "timestamp": "2026-01-31T09:30:00Z",
            "user_id": f"user-{n % 20_000}",
            "session_id": f"s-{n}",
            "properties": {"path": f"/products/{n}", "title": "A page of the shop", "load_ms": n},
        }
        for n in range(size)
    ]
    return msgspec.json.encode({"events": events})
