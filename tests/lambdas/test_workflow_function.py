"""The function that does steps, as the state machine calls it, on the emulated services."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.states import REFUSED, definition
from tallybrook.costs.recorder import day_of
from tallybrook.entrypoints.lambdas import runtime, workflow
from tallybrook.ports.aws.clients import client
from tallybrook.workflows import steps
from tallybrook.workflows.policy import Policy
from tallybrook.workflows.requesting import Desk
from tallybrook.workflows.runs import STEPS, Run
from tests.lambdas.stack import Stack
from tests.workflows.world import ACCOUNT, BAD, GOOD, KEY, Spoil, lines, refused_in


class Killed(BaseException):
    """The execution environment is gone."""


class Noting:
    """A state machine service that only remembers what was started."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def start(self, started: Any) -> None:
        self.started.append(started.name)


@pytest.fixture
def desk(here: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A stack with a bucket and a bus, and where its runs are asked for."""
    client("s3").create_bucket(Bucket=here.name)
    client("events").create_event_bus(Name=here.name)
    monkeypatch.setenv("TALLYBROOK_BUCKET", here.name)
    runtime.forget()
    client("s3").put_object(Bucket=here.name, Key=KEY, Body=lines())
    found = runtime.opened().stores.works().runs
    found.jobs = Noting()
    yield found
    workflow.forget()


def execute(run: Run, spoil: Spoil | None = None) -> str:
    """The states of the deployed definition, one after the other, as Step Functions go through
    them, but without the pauses; the state that it ends in."""
    states = definition(Policy(2.0))["States"]
    name, error = "Validate", None
    known = dict(steps.ALL)
    if spoil is not None:
        steps.ALL.update({key: spoil(step, key[1]) for key, step in known.items()})
    try:
        while states[name]["Type"] == "Task":
            name, error = _task(states[name], run, error)
    finally:
        steps.ALL.update(known)
    return name


def _task(state: dict[str, Any], run: Run, error: Any) -> tuple[str, Any]:
    given = {
        "account_id": run.account_id,
        "run_id": run.run_id,
        "step": state["Parameters"]["step"],
    }
    tries = state["Retry"][-1]["MaxAttempts"] + 1
    for left in reversed(range(tries)):
        try:
            workflow.handler({**given, "error": error}, None)
            return state["Next"], None
        except Exception as raised:  # noqa: BLE001 (as the service: any error is caught)
            kind = type(raised).__name__
            if left and kind != REFUSED:
                continue
            cause = json.dumps({"errorMessage": str(raised), "errorType": kind})
            return state["Catch"][0]["Next"], {"Error": kind, "Cause": cause}
    raise AssertionError


def assert_right(here: Stack, desk: Desk, run: Run) -> Run:
    found = desk.runs.get(ACCOUNT, run.run_id)
    assert found.status == "succeeded"
    events = here.events().values()
    assert sorted(event.event_type for event in events) == ["buy"] * (GOOD // 2) + ["view"] * (
        GOOD // 2
    )
    assert len(here.failed(ACCOUNT)) == BAD
    left = client("s3").list_objects_v2(Bucket=here.name, Prefix="runs/")
    assert left["KeyCount"] == 0
    return found


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_on_aws(here: Stack, desk: Desk, step: str) -> None:
    """An environment that dies between a step's effect and its record is called again for that
    step alone, and the result is the one right one."""
    run = desk.request(ACCOUNT, "file", {"key": KEY})
    assert desk.jobs.started == [f"{run.run_id}-1"]  # type: ignore[attr-defined]
    deaths = []

    def spoil(real: Any, of: str) -> Any:
        def dying(run: Run, work: Any) -> dict[str, Any]:
            output: dict[str, Any] = real(run, work)
            if not deaths:
                deaths.append(of)
                raise Killed
            return output

        return dying if of == step else real

    with pytest.raises(Killed):
        execute(run, spoil)
    assert execute(run) == "Done"
    found = assert_right(here, desk, run)
    assert {s.name: s.tries for s in found.steps} == {s: 1 + (s == step) for s in STEPS}


def test_what_keeps_failing_on_aws(here: Stack, desk: Desk) -> None:
    """Four tries, then the failure state: a notice, a failed record, and a run that ends well when
    it is tried again."""
    run = desk.request(ACCOUNT, "file", {"key": KEY})
    assert execute(run, refused_in("store")) == "Failed"
    found = desk.runs.get(ACCOUNT, run.run_id)
    assert (found.status, found.step("store").tries) == ("failed", 4)
    assert found.error == "the disk is away"
    assert found.failed_id in here.failed(ACCOUNT)
    again = desk.retry(ACCOUNT, run.run_id)
    assert desk.jobs.started == [f"{run.run_id}-1", f"{run.run_id}-2"]  # type: ignore[attr-defined]
    assert execute(again) == "Done"


def test_what_is_refused_is_not_tried_again(here: Stack, desk: Desk) -> None:
    """A file that is not there is an error of the input: one try."""
    run = desk.request(ACCOUNT, "file", {"key": "raw/none"})
    assert execute(run) == "Failed"
    assert desk.runs.get(ACCOUNT, run.run_id).step("validate").tries == 1


def test_what_an_invocation_took_is_written_down(
    here: Stack, desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    """Calls of AWS, time and memory of the step, in the table of usage and as a COST_METRICS
    line."""
    run = desk.request(ACCOUNT, "file", {"key": KEY})
    runtime.meter.cache_clear()
    workflow.handler({"account_id": ACCOUNT, "run_id": run.run_id, "step": "validate"}, None)
    today = day_of(runtime.opened().now_us())
    stored = runtime.opened().stores.works().usage.between(today, today)
    found = {row.meter: row.quantity for row in stored if row.function == "workflow"}
    assert found["lambda.request"] == 1
    assert found["fact.duration_ms"] > 0
    assert found["s3.get"] >= 2
    assert found["dynamodb.write_unit"] >= 2
    (line,) = [one for one in capfd.readouterr().out.splitlines() if "COST_METRICS" in one]
    told = json.loads(line)
    assert (told["function"], told["invocations"]) == ("workflow", 1)
    assert told["cost_per_invocation"] > 0
