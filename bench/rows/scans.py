"""Collecting while SQL scans all of the lake, beside collecting alone."""

import threading
import time

from bench import openloop, realistic
from bench.product import Product, product
from bench.row import Goal, Options, Row, absolute, beside

RATE = 5_000
_SQL = """
SELECT event_type, date, count(*) AS n, count(DISTINCT user_id) AS users,
       count(DISTINCT properties) AS kinds, max(length(context)) AS longest
FROM events GROUP BY event_type, date ORDER BY n DESC
"""


class Scanning:
    """Statements over everything, one after the other, until stopped."""

    def __init__(self, running: Product) -> None:
        self._running = running
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.done = 0

    def __enter__(self) -> "Scanning":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._running.query(f"{_SQL} -- {time.time_ns()}")
            self.done += 1


def scans(options: Options) -> list[Row]:
    """5 000 requests a second of one event each, with and without scans, alternating."""
    alone: list[openloop.Seen] = []
    beside_scans: list[openloop.Seen] = []
    done = 0
    with product(options.scratch) as running:
        realistic.load(running, realistic.batches(200_000 if options.quick else 1_000_000))
        running.settle()
        openloop.run(running.port, running.key, RATE // 4, 1)
        for _ in range(options.rounds):
            alone.append(openloop.run(running.port, running.key, RATE, options.seconds))
            with Scanning(running) as first, Scanning(running) as second:
                beside_scans.append(openloop.run(running.port, running.key, RATE, options.seconds))
            done += first.done + second.done
            running.settle()
    p99 = [seen.p99_ms for seen in beside_scans]
    return [
        beside(
            "p99 at 5 000 req/s during scans", p99, "ms", "without scans",
            [seen.p99_ms for seen in alone], Goal(2, "<=", "×"),
            f"{done} scans by two clients meanwhile",
        ),
        absolute("p99 at 5 000 req/s during scans", p99, "ms", Goal(100, "<=", " ms")),
    ]  # fmt: skip
