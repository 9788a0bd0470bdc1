"""Entities: what they cost beside events of no type that is declared, and how quick they are read.

Every event is sent over HTTP; a side is done when the consumer of entities has seen all of it.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from bench import machine, realistic
from bench.product import Product, product, wait_for
from bench.row import Goal, Options, Row, absolute, beside
from tallybrook.entities.simulate import Plan, simulate
from tallybrook.events.instants import DAY_US, MINUTE_US, format_instant

_BATCH = 500
_READS = 200
_DEFINED = "the same of undeclared types"


def entities(options: Options) -> list[Row]:
    """A simulated month through the entities, and ten times the events of the same entities."""
    return [*_through(options), *_growing(options)]


def _through(options: Options) -> list[Row]:
    students = 200 if options.quick else 1200
    declared = list(_month(students, ""))
    others = list(_month(students, "other_"))
    took: dict[str, list[float]] = {"ours": [], "theirs": []}
    accepted: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(options.rounds):
        for name, lines in (("ours", declared), ("theirs", others)):
            sent_s, settled_s = _timed(options.scratch, lines)
            accepted[name].append(len(lines) / sent_s)
            took[name].append(len(lines) / settled_s)
    note = f"{len(declared)} events of {students} students; counted until their consumer is done"
    return [
        beside("events through entities, events/s", took["ours"], "events/s", _DEFINED,
               took["theirs"], note=note),
        beside("accepted meanwhile, events/s", accepted["ours"], "events/s", _DEFINED,
               accepted["theirs"]),
    ]  # fmt: skip


def _growing(options: Options) -> list[Row]:
    """The same 100 students and 20 tutors, with so many sessions and ten times as many."""
    small = 2_000 if options.quick else 10_000
    took: dict[int, list[float]] = {small: [], 10 * small: []}
    memory: dict[int, list[float]] = {small: [], 10 * small: []}
    for _ in range(options.rounds):
        for count in took:
            with product(options.scratch) as running:
                realistic.load(running, realistic.batches(2_000, seed=2))
                running.settle()
                begun = time.perf_counter()
                _send(running, _sessions(count))
                took[count].append(time.perf_counter() - begun)
                running.settle()
                memory[count].append(machine.memory_mb(running.everything))
    large, name = 10 * small, f"{small // 1000} 000"
    return [
        beside("10 × the events of 120 entities, s", took[large], "s", name, took[small],
               Goal(10.5, "<=", "×")),
        beside("10 × the events of 120 entities, memory", memory[large], "MB", name, memory[small]),
    ]  # fmt: skip


def entity_reads(options: Options) -> list[Row]:
    """Pages of a list of 100 000 entities (quick: 10 000), and single ones, over HTTP."""
    count = 10_000 if options.quick else 100_000
    with product(options.scratch) as running:
        _send(running, _reports(count))
        first = _first_ms(running, _LISTS)
        total = running.client.get("/entities/student").json()["total"]
        if total != count:
            raise RuntimeError(f"{total} entities of {count}")
        listed = _latencies(running, _LISTS)
        single = _latencies(
            running, [f"/entities/student/student-{n}" for n in range(0, count, 97)]
        )
        busy = _latencies(running, _LISTS, beside=_sessions(2_000))
    name = f"{count // 1000} 000 entities"
    measured = {f"a page of {name}": listed, f"a page of {name}, events coming in": busy,
                f"one of {name}": single}  # fmt: skip
    note = "in the order of three metrics, one of them with a threshold, 50 a page"
    return [
        absolute(f"the first page of {name} in an order", [at(first, 0.5)], "ms"),
        *(
            absolute(f"{what}, {quantile}", [at(times, share)], "ms", note=note)
            for what, times in measured.items()
            for quantile, share in (("p50", 0.5), ("p99", 0.99))
        ),
    ]


_LISTS = [
    "/entities/student?sort=health_score", "/entities/student?sort=-sessions_7d",
    "/entities/student?sort=health_score&threshold=20", "/entities/student?sort=-ib_calls_14d",
]  # fmt: skip


def _timed(scratch: Path, lines: list[bytes]) -> tuple[float, float]:
    """Seconds until all is accepted, and until all is taken in."""
    with product(scratch) as running:
        realistic.load(running, realistic.batches(2_000, seed=2))
        running.settle()
        begun = time.perf_counter()
        _post(running, lines)
        sent = time.perf_counter()
        _taken_in(running)
        return sent - begun, time.perf_counter() - begun


def _send(running: Product, lines: Iterator[bytes]) -> None:
    _post(running, list(lines))
    _taken_in(running)


def _taken_in(running: Product) -> None:
    """Wait until the consumer of entities has taken in all of the log."""

    def done() -> bool:
        found = running.client.get("/consumers").json()["consumers"]
        return any(one["name"] == "entities" and one["lag"] == 0 for one in found)

    wait_for(done, 900, "the entities to catch up")


def _post(running: Product, lines: list[bytes]) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    for at_ in range(0, len(lines), _BATCH):
        body = b"\n".join(lines[at_ : at_ + _BATCH])
        reply = running.client.post("/events/batch", content=body, headers=headers)
        if reply.status_code != 202 or reply.json()["rejected"]:
            raise RuntimeError(f"not every event was accepted: {reply.text[:300]}")


def _month(students: int, prefix: str) -> Iterator[bytes]:
    """The simulated stream; with a prefix its types are nobody's."""
    now = _now()
    plan = Plan(5, now - 30 * DAY_US, now, students, max(1, students // 10))
    for number, arrival in enumerate(simulate(plan)):
        one = arrival.envelope
        yield _line(number, prefix + one["event_type"], one["timestamp"], one["payload"])


def _sessions(count: int) -> Iterator[bytes]:
    """Sessions of 100 students and 20 tutors over thirty days, in order."""
    now = _now()
    for n in range(count):
        payload = {"student_id": f"s{n % 100}", "tutor_id": f"t{n % 20}", "session_id": f"x{n}"}
        at_us = now - 30 * DAY_US + n * (30 * DAY_US // count)
        yield _line(n, "session_completed", format_instant(at_us), payload | {"tutor_rating": 4.5})


def _reports(count: int) -> Iterator[bytes]:
    now = _now()
    for n in range(count):
        payload = {"student_id": f"student-{n}", "health_score": n * 7919 % 101}
        yield _line(n, "customer_health_update", format_instant(now - n * 1000), payload)


def _line(number: int, kind: str, timestamp: str, payload: dict[str, object]) -> bytes:
    event = {"event_id": f"{kind}-{number}", "event_type": kind, "timestamp": timestamp,
             "anonymous_id": "bench", "properties": payload}  # fmt: skip
    return json.dumps(event).encode()


def _first_ms(running: Product, paths: list[str]) -> list[float]:
    """Milliseconds of the first read of each, ascending."""
    return sorted(_read_ms(running, path) for path in paths)


def _latencies(
    running: Product, paths: list[str], beside: Iterator[bytes] | None = None
) -> list[float]:
    """Milliseconds of reads one after the other, ascending."""
    waiting = list(beside or ())
    took: list[float] = []
    for number in range(_READS):
        if waiting:
            _post(running, waiting[:10])
            del waiting[:10]
        took.append(_read_ms(running, paths[number % len(paths)]))
    return sorted(took)


def _read_ms(running: Product, path: str) -> float:
    begun = time.perf_counter()
    reply = running.client.get(path)
    took_ms = (time.perf_counter() - begun) * 1000
    reply.raise_for_status()
    return took_ms


def at(ordered_ms: list[float], share: float) -> float:
    return ordered_ms[min(len(ordered_ms) - 1, int(len(ordered_ms) * share))]


def _now() -> int:
    return int(time.time() * 1e6) // MINUTE_US * MINUTE_US
