"""Runs: what was asked for, how far it is, and what each step gave. In the shared state.

A run is one item; beside it lies one that puts it in order by age. The engine (Step Functions, or
the durable library) decides when a step is called; what is shown, and what a step finds done when
it is called again, is here.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tallybrook.errors import ConflictError, InvalidError, NotFoundError
from tallybrook.ports.state import ABSENT, Change, Put, State

Kind = Literal["file", "range", "job"]
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
StepStatus = Literal["waiting", "running", "done", "failed"]

SOURCE = "workflows"
"""Whose failed records are those of runs."""

STEPS = ("validate", "transform", "aggregate", "store", "notify")
STEPS_OF: dict[Kind, tuple[str, ...]] = {"file": STEPS, "range": STEPS, "job": ("run",)}
OPEN: frozenset[Status] = frozenset({"queued", "running"})
KEPT_S = 400 * 86_400
_NEWEST = 1 << 62


class StepState(Struct):
    """One step. ``tries`` counts calls; ``output`` is what it gave; instants in microseconds."""

    name: str
    status: StepStatus = "waiting"
    tries: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    output: dict[str, Any] = {}
    error: str | None = None


class Run(Struct):
    """One run. ``attempt`` counts how often it was started; ``created_at`` is what its steps take
    for the present, so that a step that is done again does the same."""

    run_id: str
    account_id: str
    kind: Kind
    input: dict[str, Any]
    created_at: int
    updated_at: int
    steps: list[StepState]
    status: Status = "queued"
    attempt: int = 1
    error: str | None = None
    failed_id: str | None = None

    def step(self, name: str) -> StepState:
        """The state of a step. Raises ``InvalidError`` for one that this kind has not."""
        for found in self.steps:
            if found.name == name:
                return found
        raise InvalidError.of("/step", f"is no step of a {self.kind} run: {name!r}")

    def output(self, name: str) -> dict[str, Any]:
        """What a step gave."""
        return self.step(name).output


def new_run(run_id: str, account_id: str, kind: Kind, given: dict[str, Any], now_us: int) -> Run:
    """A run that nobody has started yet."""
    steps = [StepState(name) for name in STEPS_OF[kind]]
    return Run(run_id, account_id, kind, given, now_us, now_us, steps)


class Runs:
    """The runs of all accounts; every call names the one it is about."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create(self, run: Run, also: Sequence[Change] = ()) -> tuple[Run, bool]:
        """Keep a new run, together with other changes, or find the one of that id; whether it is
        new. Raises ``ConflictError`` where only the other changes do not fit."""
        try:
            self._state.write([*self.creating(run), *also])
        except ConflictError:
            found = self.find(run.account_id, run.run_id)
            if found is None:
                raise
            return found, False
        return run, True

    def creating(self, run: Run) -> list[Change]:
        """The changes that keep a new run."""
        expires_at_s = run.created_at // 1_000_000 + KEPT_S
        partition, at = _partition(run.account_id), f"at#{_NEWEST - run.created_at:020d}"
        body = msgspec.json.encode(run)
        return [
            Put(partition, f"run#{run.run_id}", body, ABSENT, expires_at_s),
            Put(partition, f"{at}#{run.run_id}", b"", None, expires_at_s),
        ]

    def find(self, account_id: str, run_id: str) -> Run | None:
        """A run, or None."""
        found = self._state.get(_partition(account_id), f"run#{run_id}")
        return None if found is None else msgspec.json.decode(found.value, type=Run)

    def get(self, account_id: str, run_id: str) -> Run:
        """A run. Raises ``NotFoundError``."""
        found = self.find(account_id, run_id)
        if found is None:
            raise NotFoundError(f"no run {run_id!r}")
        return found

    def page(
        self, account_id: str, limit: int, cursor: str | None = None, status: str | None = None
    ) -> tuple[list[Run], str | None]:
        """Runs, newest first, and where the next page begins (None: there is none)."""
        found: list[Run] = []
        after = f"at#{cursor}" if cursor else None
        while True:
            keys = self._state.query(_partition(account_id), "at#", after=after, limit=limit + 1)
            for item in keys:
                run = self.find(account_id, item.key.split("#", 2)[2])
                if run is None or (status and run.status != status):
                    after = item.key
                    continue
                if len(found) == limit:
                    return found, (after or "at#").removeprefix("at#")
                found.append(run)
                after = item.key
            if len(keys) <= limit:
                return found, None

    def change(self, account_id: str, run_id: str, modify: Callable[[Run], None]) -> Run:
        """Change a run; who comes second changes what the first has left. ``modify`` may raise,
        and then nothing is changed; it must do nothing but compute."""
        for _ in range(20):
            stored = self._state.get(_partition(account_id), f"run#{run_id}")
            if stored is None:
                raise NotFoundError(f"no run {run_id!r}")
            run = msgspec.json.decode(stored.value, type=Run)
            modify(run)
            try:
                self._state.put(
                    _partition(account_id), f"run#{run_id}", msgspec.json.encode(run),
                    expect=stored.version, expires_at_s=stored.expires_at_s,
                )  # fmt: skip
            except ConflictError:
                continue
            return run
        raise ConflictError(f"run {run_id} is being changed by others")


def _partition(account_id: str) -> str:
    return f"runs#{account_id}"
