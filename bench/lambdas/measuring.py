"""Functions and the bare handler in turn: every round starts both anew."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from msgspec import Struct

from bench.lambdas.execution import Execution, FunctionError, Task, require_success, started
from bench.lambdas.inputs import SMALLER, TRIGGERS
from bench.lambdas.sizes import at_sizes
from bench.lambdas.world import World
from infra.bundling import BundlingError, bundle, function, host, size_bytes, zip_bundle
from infra.bundling.loading import loaded
from infra.functions import FUNCTIONS, FunctionSpec, memory_mb
from infra.settings import StackSettings
from tallybrook.costs.memory import Measured
from tallybrook.ports.aws.tables import EVENTS, physical

BARE_MEMORY_MB = 128
PEAK_GOAL_MB = 128
INIT_GOAL = 2.0
WARM_S = 5.0


class Sample(Struct):
    """One execution environment: init, its first invocation, the median of the later ones."""

    init_ms: float
    first_ms: float
    warm_ms: float
    peak_mb: float


class Result(Struct):
    """A function's samples, the bare handler's of the same rounds, and its size. MB as Lambda
    counts memory (2^20) for ``peak_mb`` and ``memory_mb``, 10^6 for files."""

    name: str
    memory_mb: int
    unzipped_mb: float
    zipped_mb: float
    modules: int
    ours: list[Sample]
    bare: list[Sample]
    sizes: Measured | None = None

    def of(self, figure: str) -> float:
        """The median of a figure of ours."""
        return _median(self.ours, figure)

    def of_bare(self, figure: str) -> float:
        return _median(self.bare, figure)

    @property
    def peak_mb(self) -> float:
        """The largest, not the median: one invocation too large is killed."""
        return max(sample.peak_mb for sample in self.ours)

    @property
    def init_ratio(self) -> float:
        return self.of("init_ms") / self.of_bare("init_ms")

    @property
    def cold_ratio(self) -> float:
        """Init and first invocation together: nothing is won by doing the one's work in the
        other, and that the functions do more work than the bare handler is in it."""
        bare = self.of_bare("init_ms") + self.of_bare("first_ms")
        return (self.of("init_ms") + self.of("first_ms")) / bare


def _median(samples: list[Sample], figure: str) -> float:
    values: list[float] = [getattr(sample, figure) for sample in samples]
    return median(values)


class Plan(Struct, frozen=True):
    """How often: ``rounds`` of starts, ``warm`` invocations after the first of each. ``sizes``:
    whether it is also run at several memory sizes."""

    rounds: int
    warm: int
    scratch: Path
    sizes: bool = True


def specs(names: list[str]) -> list[FunctionSpec]:
    """The functions of these names, all when there are none."""
    return [spec for spec in FUNCTIONS if not names or spec.name in names]


def measure(spec: FunctionSpec, world: World, bare: Path, plan: Plan) -> Result:
    """Bundle a function and measure it. Raises ``BundlingError`` or ``FunctionError``."""
    target, packed = host(), function(spec.name)
    folder = bundle(spec.name, plan.scratch / "bundles", arch=target.arch, python=target.python)
    archive = zip_bundle(folder, plan.scratch / f"{spec.name}.zip")
    ours = task_of(spec, folder, world)
    table = physical(world.stack, EVENTS)
    rival = Task(
        "bare", bare, "bare.handler", BARE_MEMORY_MB, world.emulator.environment | {"TABLE": table}
    )
    result = Result(
        spec.name, ours.memory_mb, size_bytes(folder) / 1e6, archive.stat().st_size / 1e6,
        loaded(packed.module, folder).count, [], [],
    )  # fmt: skip
    inputs = TRIGGERS[spec.name](world)
    for _ in range(plan.rounds):
        result.bare.append(sample(rival, iter(lambda: b"{}", b""), plan))
        result.ours.append(sample(ours, inputs, plan))
    if plan.sizes:
        smaller = SMALLER[spec.name](world) if spec.name in SMALLER else inputs
        result.sizes = at_sizes(spec, ours, smaller, result.peak_mb, plan.scratch)
    return result


def task_of(spec: FunctionSpec, folder: Path, world: World) -> Task:
    """The function with its bundle, at the size and in the environment that the stack gives it."""
    size = memory_mb(spec, StackSettings(stack=world.stack))
    handler = function(spec.name).handler
    return Task(spec.name, folder, handler, size, world.environment(spec))


def sample(task: Task, inputs: Iterator[bytes], plan: Plan) -> Sample:
    """One execution environment from its start to its end. Raises ``FunctionError``."""
    with started(task, plan.scratch) as execution:
        first = execution.invoke(next(inputs))
        require_success(task, first.payload)
        later = list(_warm(execution, inputs, plan)) or [first.ms]
        return Sample(execution.init_ms, first.ms, median(later), execution.peak_bytes / 2**20)


def _warm(execution: Execution, inputs: Iterator[bytes], plan: Plan) -> Iterator[float]:
    """Later invocations: as many as planned, or as long as ``WARM_S``."""
    until_s = time.monotonic() + WARM_S
    for number in range(plan.warm):
        if number and time.monotonic() > until_s:
            return
        outcome = execution.invoke(next(inputs))
        require_success(execution.task, outcome.payload)
        yield outcome.ms


__all__ = ["BundlingError", "FunctionError", "Plan", "Result", "measure", "specs"]
