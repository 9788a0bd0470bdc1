"""Latency at a fixed rate, from the moment a request was due; and memory under that load."""

import subprocess
import time

from bench import machine, openloop
from bench.product import product
from bench.row import Goal, Options, Row, absolute

RATE = 10_000


def fixed_rate(options: Options) -> list[Row]:
    """10 000 requests a second of one event each."""
    seen: list[openloop.Seen] = []
    with product(options.scratch) as running:
        openloop.run(running.port, running.key, RATE // 4, 1)
        for _ in range(options.rounds):
            seen.append(openloop.run(running.port, running.key, RATE, options.seconds))
            running.settle()
    late = max(round_.late_p99_ms for round_ in seen)
    reached = [round_.per_s for round_ in seen]
    note = f"answered {min(reached):.0f}/s; the client was at most {late:.1f} ms late itself (p99)"
    p99 = [round_.p99_ms for round_ in seen]
    return [
        absolute("p99 from the due time", p99, "ms", Goal(100, "<=", " ms"), note),
        absolute("p50 from the due time", [s.p50_ms for s in seen], "ms"),
        absolute("p99.9 from the due time", [s.p999_ms for s in seen], "ms"),
    ]


def memory(options: Options) -> list[Row]:
    """Proportional set size of all processes: at rest, and halfway through the load."""
    with product(options.scratch) as running:
        running.settle()
        idle = [machine.memory_mb(running.everything)]
        loaded: list[float] = []
        for _ in range(options.rounds):
            client = openloop.start(running.port, running.key, RATE, max(4, options.seconds))
            loaded.append(_highest(client, running.everything))
            openloop.result(client)
            running.settle()
        after = [machine.memory_mb(running.everything)]
    return [
        absolute("whole product, idle", idle, "MB", Goal(150, "<=", " MB")),
        absolute("whole product, at 10 000 req/s", loaded, "MB", Goal(400, "<=", " MB")),
        absolute("whole product, afterwards", after, "MB"),
    ]


def _highest(client: "subprocess.Popen[bytes]", pids: list[int]) -> float:
    """The most memory seen while the client is at work."""
    highest = 0.0
    while client.poll() is None:
        highest = max(highest, machine.memory_mb(pids))
        time.sleep(0.5)
    return highest
