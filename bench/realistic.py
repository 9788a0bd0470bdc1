"""Realistic events: the demo's real visits and flights, as often as needed, at new times."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec

from bench.product import Product
from tallybrook.demo.rows import DemoRow, flights, shop
from tallybrook.events.instants import format_instant

DAYS = 30
BATCH = 500
_DAY_US = 86_400_000_000


def rows() -> list[DemoRow]:
    """Every row of the demo's data, in the order of time of its set."""
    return [row for data in (shop(), flights()) for row in (*data.history, *data.live)]


def uuid7(ms: int, chance: random.Random) -> str:
    """A time-ordered id as clients make them: 74 of its bits are random."""
    text = f"{ms:012x}7{chance.getrandbits(12):03x}{8 + chance.getrandbits(2):x}"
    text += f"{chance.getrandbits(60):015x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def batches(count: int, seed: int = 1) -> Iterator[bytes]:
    """NDJSON bodies of together ``count`` events in the order of time, over the last 30 days.

    Users and sessions of each repetition of the data are others.
    """
    source, chance = rows(), random.Random(seed)
    start_us = time.time_ns() // 1000 - DAYS * _DAY_US
    for first in range(0, count, BATCH):
        lines = []
        for n in range(first, min(first + BATCH, count)):
            at_us = start_us + n * DAYS * _DAY_US // count + chance.randrange(1000) * 1000
            lines.append(_line(source[n % len(source)], n // len(source), at_us, chance))
        yield b"\n".join(lines)


def _line(row: DemoRow, repetition: int, at_us: int, chance: random.Random) -> bytes:
    event = row.event | {
        "event_id": uuid7(at_us // 1000, chance),
        "timestamp": format_instant(at_us),
        "user_id": f"{row.event['user_id']}-{repetition}",
    }
    if "session_id" in event:
        event["session_id"] = f"{event['session_id']}-{repetition}"
    return msgspec.json.encode(event)


def load(running: Product, bodies: Iterator[bytes]) -> int:
    """Send NDJSON bodies over a few connections; how many events were accepted."""

    def send(body: bytes) -> int:
        reply = running.client.post("/events/batch", content=body, headers=_NDJSON)
        while reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
            time.sleep(0.05)
            reply = running.client.post("/events/batch", content=body, headers=_NDJSON)
        reply.raise_for_status()
        return int(reply.json()["accepted"])

    with ThreadPoolExecutor(3) as pool:
        return sum(pool.map(send, bodies))


_NDJSON = {"Content-Type": "application/x-ndjson"}
