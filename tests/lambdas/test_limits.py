"""What a function may load and hold: allow-list and budgets. Counts and memory, never times.

A budget that is too small is a decision to take, not a test to repair: what a function loads it
pays for at every start.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
from msgspec import Struct

from bench.lambdas import inputs
from bench.lambdas.execution import FunctionError, Task, require_success, started
from bench.lambdas.inputs import TRIGGERS, Trigger
from bench.lambdas.measuring import task_of
from bench.lambdas.world import World, world_in
from infra.bundling import FUNCTIONS, function
from infra.bundling.functions import GRAPHQL_CLIENT, GRAPHQL_SERVER, HTTP_CLIENT
from infra.bundling.loading import Loaded
from infra.bundling.packing import contents
from infra.functions import FUNCTIONS as SPECS
from tests.support.bundles import Made, shared_bundles, shared_loads
from tests.support.emulator import Emulator, new_stack

SDK = frozenset(
    {
        "boto3", "botocore", "certifi", "jmespath", "python-dateutil", "s3transfer", "six",
        "urllib3",
    }
)  # fmt: skip
BASE = SDK | {"aws-lambda-powertools", "msgspec", "typing-extensions", "xxhash", "backports-zstd"}
LIVE = BASE | {"anyio", "idna", "starlette"}
WEB = LIVE | {"mangum", "prometheus-client"}


class Budget(Struct, frozen=True):
    """``packages`` may be bundled; ``modules`` may be loaded when a function has opened what it
    works with; ``peak_mb`` (2^20 bytes) may be held at work."""

    packages: frozenset[str]
    modules: int
    peak_mb: int


BUDGETS = {
    "http": Budget(WEB | GRAPHQL_SERVER, 640, 90),
    "query": Budget(WEB | {"duckdb", "numpy", "sqlglot", "xlsxwriter"}, 700, 400),
    "sockets": Budget(LIVE, 520, 75),
    "sequence": Budget(LIVE, 460, 90),
    "recount": Budget(LIVE | GRAPHQL_CLIENT, 460, 90),
    "resolve": Budget(BASE, 460, 75),
    "kinesis": Budget(BASE, 460, 75),
    "sqs": Budget(BASE, 460, 75),
    "s3": Budget(BASE, 460, 90),
    "bus": Budget(BASE, 460, 75),
    "entities": Budget(LIVE, 480, 90),
    "webhook": Budget(BASE | HTTP_CLIENT | {"anyio", "idna"}, 560, 90),
    "anonymizer": Budget(BASE, 480, 75),
    "ocean": Budget(BASE, 480, 75),
    "dual_ai": Budget(BASE, 480, 75),
    "forward": Budget(BASE | HTTP_CLIENT | {"anyio", "idna"}, 560, 90),
    "schedule": Budget(BASE, 460, 75),
    "workflow": Budget(BASE | {"numpy"}, 640, 128),
    "lake": Budget(BASE | {"duckdb", "numpy"}, 700, 400),
}
CALLS = {"s3": 1, "workflow": 5}
"""How often a function is called: a workflow's steps are five calls."""

SMALLER = {
    "s3": partial(inputs.s3, object_bytes=200_000),
    "entities": partial(inputs.entities, size=25),
    "workflow": partial(inputs.workflow, rows=200),
    "query": partial(inputs.query, batches=2),
    "recount": partial(inputs.recount, size=25),
}
"""What would take most of the time at its usual size, and hardly a megabyte more: what a function
is loaded with is most of what it holds. ``make soak`` has the usual sizes."""

NAMES = [known.name for known in FUNCTIONS]
WORK = [
    *(pytest.param(name, SMALLER.get(name, TRIGGERS[name]), id=name) for name in NAMES),
    *(
        pytest.param(name, TRIGGERS[name], id=f"{name}-usual", marks=pytest.mark.slow)
        for name in SMALLER
    ),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Each bundle once."""
    return shared_bundles(tmp_path_factory)


@pytest.fixture(scope="module")
def loads(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Loaded]:
    """What each handler loads from its bundle."""
    return shared_loads(tmp_path_factory)


@pytest.fixture(scope="module")
def world(emulator: Emulator) -> Iterator[World]:
    """A stack for all of this module."""
    with world_in(emulator, new_stack()) as made_world:
        yield made_world


@pytest.mark.parametrize("name", NAMES)
def test_only_allowed_packages_are_bundled(name: str) -> None:
    """A function imports no package that is not on its list."""
    assert contents(function(name)).distributions <= BUDGETS[name].packages


@pytest.mark.parametrize("name", NAMES)
def test_module_budget(name: str, loads: Callable[[str], Loaded]) -> None:
    """A function that is ready for work has not loaded more modules than its budget."""
    assert loads(name).count <= BUDGETS[name].modules


@pytest.mark.parametrize(("name", "work"), WORK)
def test_peak_memory_at_work(
    name: str, work: Trigger, made: Made, world: World, tmp_path: Path
) -> None:
    """Under the runtime client, with real work, a function stays within its budget and within what
    the stack gives it; above that it would be killed."""
    spec = next(spec for spec in SPECS if spec.name == name)
    task = task_of(spec, made(name), world)
    with started(task, tmp_path) as execution:
        for event in islice(work(world), CALLS.get(name, 2)):
            require_success(task, execution.invoke(event).payload)
        peak_mb = execution.peak_bytes / 2**20
    assert peak_mb <= min(BUDGETS[name].peak_mb, task.memory_mb)


def test_function_above_its_size_is_killed_and_told(tmp_path: Path) -> None:
    """The harness itself: what holds more than it may is ended, and the error says how much."""
    (tmp_path / "greedy.py").write_text(
        "def handler(event, context):\n    held = bytearray(300_000_000)\n    return len(held)\n"
    )
    task = Task("greedy", tmp_path, "greedy.handler", 128)
    with (
        pytest.raises(FunctionError, match=r"killed at \d+ MiB of 128"),
        started(task, tmp_path) as execution,
    ):
        execution.invoke(b"{}")


def test_error_of_a_function_is_told(tmp_path: Path) -> None:
    """The harness itself: an exception in init or at work is no measurement."""
    (tmp_path / "broken.py").write_text("def handler(event, context):\n    raise ValueError(7)\n")
    with (
        pytest.raises(FunctionError, match="ValueError"),
        started(Task("broken", tmp_path, "broken.handler", 128), tmp_path) as execution,
    ):
        execution.invoke(b"{}")
    with (
        pytest.raises(FunctionError, match=r"init: .*ImportModuleError"),
        started(Task("absent", tmp_path, "absent.handler", 128), tmp_path),
    ):
        pass
