"""Requests at a fixed rate, timed from when they were due and not from when they were sent.

A client that waits for replies hides a stall: nothing is sent while it lasts. Here a request that
finds no free connection waits, and its waiting counts.

``python -m bench.openloop PORT KEY RATE SECONDS CONNECTIONS`` runs in a process of its own on the
client's core and prints what it saw.
"""

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec
import uvloop
from msgspec import Struct

from bench import machine

TICK_S = 0.001
CONNECTIONS = 64


class Seen(Struct, frozen=True):
    """Latencies in ms from the due time; ``late_ms`` is how far behind the client itself was."""

    requests: int
    refused: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    late_p99_ms: float
    per_s: float


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._due_s = 0.0
        self._seen = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by inheritance.
        self.transport = cast("asyncio.Transport", transport)
        self._pool.free.append(self)

    def send(self, due_s: float, request: bytes) -> None:
        self._due_s = due_s
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if self._seen.endswith(b"}"):  # our replies are one JSON object each
            self._pool.answered(self, self._due_s, self._seen.startswith(b"HTTP/1.1 202"))
            self._seen = b""


class Pool:
    """Connections, and the requests that are due but find none free."""

    def __init__(self, port: int, key: str) -> None:
        self.free: deque[Connection] = deque()
        self.waiting: deque[float] = deque()
        self.latencies_s: list[float] = []
        self.late_s: list[float] = []
        self.refused = 0
        self._head = (
            f"POST /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._run = secrets.token_hex(6)
        self._number = 0

    def due(self, at_s: float) -> None:
        """Send now if a connection is free, else as soon as one is."""
        if self.free:
            self.free.popleft().send(at_s, self._request())
        else:
            self.waiting.append(at_s)

    def answered(self, connection: Connection, due_s: float, accepted: bool) -> None:
        self.latencies_s.append(time.perf_counter() - due_s)
        self.refused += not accepted
        if self.waiting:
            connection.send(self.waiting.popleft(), self._request())
        else:
            self.free.append(connection)

    def _request(self) -> bytes:
        self._number += 1
        body = (
            b'{"event_id":"%s-%d","event_type":"page_view","user_id":"user-%d",'
            b'"session_id":"s-%d","properties":{"path":"/products/%d","load_ms":%d}}'
        ) % (
            self._run.encode(), self._number, self._number % 20_000, self._number // 5,
            self._number % 500, self._number % 800,
        )  # fmt: skip
        return b"%s%d\r\n\r\n%s" % (self._head, len(body), body)


async def drive(port: int, key: str, rate: int, seconds: int, connections: int) -> Seen:
    """Send ``rate`` requests a second for some seconds and wait for the last reply."""
    loop = asyncio.get_running_loop()
    pool = Pool(port, key)
    opened = [
        (await loop.create_connection(lambda: Connection(pool), "127.0.0.1", port))[0]
        for _ in range(connections)
    ]
    begun = time.perf_counter()
    total, sent = rate * seconds, 0
    while sent < total:
        due = min(total, int((time.perf_counter() - begun) * rate))
        for number in range(sent, due):
            pool.due(begun + number / rate)
        pool.late_s.append(time.perf_counter() - begun - due / rate)
        sent = due
        await asyncio.sleep(TICK_S)
    await until(lambda: len(pool.latencies_s) >= total, seconds + 30)
    took_s = time.perf_counter() - begun
    for transport in opened:
        transport.close()
    return summary(pool, took_s)


async def until(condition: Callable[[], bool], within_s: float) -> None:
    """Wait for a condition; ``TimeoutError`` when it does not come."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 (what is waited for are callbacks by the thousand)
            await asyncio.sleep(TICK_S)


def summary(pool: Pool, took_s: float) -> Seen:
    """The distribution of what was answered."""
    times = sorted(pool.latencies_s)
    return Seen(
        len(times), pool.refused, at(times, 0.5), at(times, 0.99), at(times, 0.999), at(times, 1.0),
        at(sorted(pool.late_s), 0.99), len(times) / took_s,
    )  # fmt: skip


def at(ordered_s: list[float], share: float) -> float:
    """The quantile of ascending seconds, in ms."""
    return ordered_s[min(len(ordered_s) - 1, int(len(ordered_s) * share))] * 1000


def start(port: int, key: str, rate: int, seconds: int) -> "subprocess.Popen[bytes]":
    """The client in a process of its own; ``result`` waits for it."""
    argv = [sys.executable, "-m", "bench.openloop"]
    argv += map(str, (port, key, rate, seconds, CONNECTIONS))
    root = str(Path(__file__).parent.parent)
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=root)


def result(process: "subprocess.Popen[bytes]") -> Seen:
    """What the client saw. Every request must have been accepted."""
    text, _ = process.communicate(timeout=300)
    seen = msgspec.json.decode(text, type=Seen)
    if seen.refused:
        raise RuntimeError(f"{seen.refused} requests were not accepted")
    return seen


def run(port: int, key: str, rate: int, seconds: int) -> Seen:
    """Start and wait."""
    return result(start(port, key, rate, seconds))


def main() -> None:
    port, key, rate, seconds, connections = sys.argv[1:]
    os.sched_setaffinity(0, {machine.CLIENT_CORE})
    work = drive(int(port), key, int(rate), int(seconds), int(connections))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(msgspec.json.encode(runner.run(work)).decode())


if __name__ == "__main__":
    main()
