"""One event a request, beside nginx answering nothing and a server that keeps nothing."""

from contextlib import ExitStack

from bench import machine, wrk
from bench.ceiling import ceiling
from bench.nginx import Rival, nginx
from bench.product import Product, product
from bench.row import Goal, Options, Row, absolute, beside

_FLOOR = "nginx `return 202`"
_CEILING = "uvicorn + msgspec, nothing kept"


class Measured:
    """Rounds of one side: requests a second, µs of processor a request, latencies in ms."""

    def __init__(self) -> None:
        self.per_s: list[float] = []
        self.cpu_us: list[float] = []
        self.p50_ms: list[float] = []
        self.p99_ms: list[float] = []
        self.whole_us: list[float] = []

    def add(self, load: wrk.Load, cpu_s: float, whole_s: float) -> None:
        self.per_s.append(load.per_s)
        self.cpu_us.append(cpu_s / load.requests * 1e6)
        self.whole_us.append(whole_s / load.requests * 1e6)
        self.p50_ms.append(load.p50_us / 1000)
        self.p99_ms.append(load.p99_us / 1000)


def single(options: Options) -> list[Row]:
    """Each side has one core to itself, wrk the other; the product with all its processes."""
    wrk.require()
    ours, floor, top = Measured(), Measured(), Measured()
    with ExitStack() as stack:
        web = stack.enter_context(nginx(options.scratch))
        running = stack.enter_context(product(options.scratch))
        app = stack.enter_context(ceiling(running.key))
        machine.pin(running.everything, [machine.SERVER_CORE])
        wrk.run(running.port, "/events", running.key, 1)
        for _ in range(options.rounds):
            _rival(web, running.key, options.seconds, floor)
            _rival(app, running.key, options.seconds, top)
            _ours(running, options.seconds, ours)
    return _rows(ours, floor, top)


def _rival(rival: Rival, key: str, seconds: int, into: Measured) -> None:
    before = machine.cpu_s(rival.pids)
    load = wrk.run(rival.port, "/events", key, seconds)
    used_s = machine.cpu_s(rival.pids) - before
    into.add(load, used_s, used_s)


def _ours(running: Product, seconds: int, into: Measured) -> None:
    """Beside the figures: what was acknowledged is in the log, to the last event."""
    running.settle()
    pids, head = running.everything, running.head()
    before_s, before_whole_s = machine.cpu_s(running.server), machine.cpu_s(pids)
    load = wrk.run(running.port, "/events", running.key, seconds)
    used_s, whole_s = machine.cpu_s(running.server), machine.cpu_s(pids)
    stored = running.head() - head
    if not load.requests <= stored <= load.requests + wrk.CONNECTIONS:
        raise RuntimeError(f"{load.requests} requests were answered and {stored} events stored")
    into.add(load, used_s - before_s, whole_s - before_whole_s)


def _rows(ours: Measured, floor: Measured, top: Measured) -> list[Row]:
    whole = f"all processes of the product: {sum(ours.whole_us) / len(ours.whole_us):.1f} µs"
    return [
        beside("req/s", ours.per_s, "/s", _FLOOR, floor.per_s, Goal(0.25, ">=", "×")),
        beside(
            "processor a request",
            ours.cpu_us,
            "µs",
            _FLOOR,
            floor.cpu_us,
            Goal(3, "<=", "×"),
            whole,
        ),
        beside("req/s", ours.per_s, "/s", _CEILING, top.per_s),
        beside("processor a request", ours.cpu_us, "µs", _CEILING, top.cpu_us),
        absolute("req/s", ours.per_s, "/s", Goal(20_000, ">=", "/s")),
        absolute("p50 at 64 connections", ours.p50_ms, "ms"),
        absolute("p99 at 64 connections", ours.p99_ms, "ms", Goal(20, "<=", " ms")),
    ]  # fmt: skip
