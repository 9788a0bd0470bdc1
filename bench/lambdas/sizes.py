"""Functions at several memory sizes, for the advice of ``tallybrook costs report``.

Each size gets an environment of its own: initialised with a whole core, as Lambda does, and then
with the part of a core that goes with the size (``bench.lambdas.share``). What it waits for are the
emulated services of this machine, which are not slowed; their answers take longer than AWS's.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace as with_

from bench.lambdas.execution import Execution, Task, require_success, started
from bench.lambdas.share import limited
from bench.report import ROOT
from infra.functions import FunctionSpec
from tallybrook.costs.functions import WHOLE_CORE_MB
from tallybrook.costs.invoked import SLOW_MS
from tallybrook.costs.memory import HELD, Measured, Runs, Size

FILE = ROOT / "src" / "tallybrook" / "costs" / "memory.json"
SIZES_MB = (128, 256, 512, 1024, WHOLE_CORE_MB)

MOST_RUNS, WARM_S = 8, 1.5
"""Invocations after the first of each size: so many, or as long as that."""

LEAST_RUNS = {"workflow": 5}
"""A workflow's steps are five calls that differ."""

LONG_S, ROOM = 60, 4
"""A function that may take longer than a minute should take a fourth of what it may."""

SOURCE = (
    "`make bench-lambda`: each function under Lambda's runtime client with the part of a core that"
    " goes with its memory, in emulated services"
)


def at_sizes(
    spec: FunctionSpec, task: Task, inputs: Iterator[bytes], peak_mb: float, scratch: Path
) -> Measured:
    """Run a function at each size that holds it. ``peak_mb`` is the most it held before. Raises
    ``FunctionError``."""
    sizes: list[Size] = []
    for memory_mb in SIZES_MB:
        if peak_mb > HELD * memory_mb:
            continue
        sizes.append(_at(with_(task, memory_mb=memory_mb), inputs, scratch))
    return Measured(function=spec.name, limit_ms=limit_ms(spec), sizes=tuple(sizes))


def limit_ms(spec: FunctionSpec) -> float:
    """How long an invocation should take at most."""
    return SLOW_MS if spec.timeout_s <= LONG_S else spec.timeout_s * 1000 / ROOM


def write(found: list[Measured], about: dict[str, str]) -> None:
    """Put the runs into the package; those of functions that were not measured stay."""
    fresh = {one.function: one for one in found}
    kept = msgspec.json.decode(FILE.read_bytes(), type=Runs).functions if FILE.exists() else ()
    known = {one.function: one for one in kept} | fresh
    told = ", ".join(f"{name} {about[name]}" for name in ("processor", "Python") if name in about)
    runs = Runs(
        as_of=datetime.now(UTC).date().isoformat(), source=f"{SOURCE} ({told})",
        functions=tuple(known[name] for name in sorted(known)),
    )  # fmt: skip
    FILE.write_text(_text(runs))


def _at(task: Task, inputs: Iterator[bytes], scratch: Path) -> Size:
    with started(task, scratch) as execution:
        share = min(1.0, task.memory_mb / WHOLE_CORE_MB)
        with limited(execution.pid, share) as limit:
            _call(execution, inputs)
            before_s = limit.used_s
            warm = list(_warm(execution, inputs))
            core_ms = (limit.used_s - before_s) * 1000 / len(warm)
        return Size(
            memory_mb=task.memory_mb, runs=len(warm), mean_ms=round(sum(warm) / len(warm), 1),
            slowest_ms=round(max(warm), 1), core_ms=round(core_ms, 1),
            peak_mb=round(execution.peak_bytes / 2**20, 1),
        )  # fmt: skip


def _warm(execution: Execution, inputs: Iterator[bytes]) -> Iterator[float]:
    until_s, least = time.monotonic() + WARM_S, LEAST_RUNS.get(execution.task.name, 2)
    for number in range(MOST_RUNS):
        if number >= least and time.monotonic() > until_s:
            return
        yield _call(execution, inputs)


def _call(execution: Execution, inputs: Iterator[bytes]) -> float:
    outcome = execution.invoke(next(inputs))
    require_success(execution.task, outcome.payload)
    return outcome.ms


def _text(runs: Runs) -> str:
    """JSON with a size a line, so that a new measurement can be read as a difference."""
    functions = ",\n".join(map(_function_text, runs.functions))
    return f"{_head(with_(runs, functions=()))}[\n{functions}\n]}}\n"


def _function_text(found: Measured) -> str:
    sizes = ",\n".join(f"  {msgspec.json.encode(size).decode()}" for size in found.sizes)
    return f" {_head(with_(found, sizes=()))}[\n{sizes}\n ]}}"


def _head(empty: Runs | Measured) -> str:
    """What comes before its list, which is empty and last."""
    return msgspec.json.encode(empty).decode().removesuffix("[]}")
