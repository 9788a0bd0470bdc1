"""What ``doctor`` says of a deployed stack, for each way in which one can be wrong."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
import pytest
from msgspec import Struct

from tallybrook.doctor import cloud
from tallybrook.doctor.checks import Check
from tallybrook.errors import StorageError, TallybrookError
from tallybrook.ports.account import (
    Concurrency,
    Deployment,
    FunctionState,
    Identity,
    MappingState,
    QueueState,
    TableState,
)

T = TypeVar("T")
OUTPUTS = {name: f"https://{name}.example" for name in cloud.OUTPUTS}
MAPPING = MappingState("u-1", "arn:aws:sqs:us-east-1:0:t-intake", "Enabled", "OK")
FUNCTION = FunctionState("t-sqs", "Active", "Successful", "", [MAPPING])
TABLE = TableState("t-events", "ACTIVE", "NEW_IMAGE", "NEW_IMAGE", "ttl", "ttl")


class World(Struct):
    """An account, in order unless said otherwise. An error stands for the call that raises it."""

    who: Identity | Exception = Identity("0", "arn:aws:iam::0:user/u", "us-east-1", 0.2)
    stack: Deployment | Exception | None = Deployment("UPDATE_COMPLETE", True, False, OUTPUTS)
    table: TableState | Exception = TABLE
    queue: QueueState = QueueState("t-intake", 3, 1)
    made: Sequence[FunctionState] = (FUNCTION,)
    limit: Concurrency = Concurrency(1000, 950)

    def identity(self) -> Identity:
        return given(self.who)

    def deployment(self) -> Deployment | None:
        return given(self.stack)

    def tables(self) -> list[TableState]:
        return [given(self.table)]

    def queues(self) -> list[QueueState]:
        return [self.queue]

    def functions(self) -> list[FunctionState]:
        return list(self.made)

    def concurrency(self) -> Concurrency:
        return self.limit


def given(value: T | Exception) -> T:
    if isinstance(value, Exception):
        raise value
    return value


def wrong(world: World) -> list[Check]:
    return [check for check in cloud.checks(world, "t") if check.status != "ok"]


def test_a_stack_in_order_has_nothing_to_mend() -> None:
    """Every check is there and asks for nothing."""
    found = cloud.checks(World(), "t")
    assert [check.name for check in found] == [
        "identity", "region", "clock", "stack", "outputs", "tables", "queue t-intake",
        "functions", "concurrency",
    ]  # fmt: skip
    assert {(check.status, check.fix) for check in found} == {("ok", "")}


def test_without_credentials_only_that_is_said() -> None:
    """Everything else would fail with it."""
    (check,) = wrong(World(who=TallybrookError("who are we: Unable to locate credentials")))
    assert (check.name, check.status, "AWS_PROFILE" in check.fix) == ("identity", "fail", True)


MAPPINGS = {
    "off": (MappingState("u-1", "arn:x:q", "Disabled", ""), "fail", "--enabled --uuid u-1"),
    "being made": (MappingState("u-1", "arn:x:q", "Creating", ""), "warn", "wait"),
    "stuck": (MappingState("u-1", "arn:x:q", "Enabled", "PROBLEM: it failed"), "fail", "log"),
}


@pytest.mark.parametrize("case", MAPPINGS)
def test_a_function_that_reads_nothing(case: str) -> None:
    """An event source that is off, on its way or stuck is named with its function."""
    mapping, status, fix = MAPPINGS[case]
    function = msgspec.structs.replace(FUNCTION, mappings=[MAPPING, mapping])
    (check,) = wrong(World(made=(function,)))
    assert (check.name, check.status, fix in check.fix) == ("function t-sqs", status, True)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"state": "Failed", "reason": "no image"}, "fail"),
        ({"last_update": "Failed"}, "fail"),
        ({"state": "Pending"}, "warn"),
        ({"last_update": "InProgress"}, "warn"),
        ({"state": "Inactive"}, None),
    ],
)
def test_a_function_that_cannot_run(changes: dict[str, str], status: str | None) -> None:
    """One that is merely idle is fine."""
    found = wrong(World(made=(msgspec.structs.replace(FUNCTION, **changes),)))
    assert [check.status for check in found] == ([status] if status else [])


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"status": None}, "fail", "missing"),
        ({"status": "CREATING"}, "warn", "CREATING"),
        ({"stream": None}, "fail", "off"),
        ({"stream": "KEYS_ONLY"}, "fail", "KEYS_ONLY"),
        ({"ttl": None}, "warn", "expire"),
    ],
)
def test_a_table_that_is_not_as_it_should_be(
    changes: dict[str, str | None], status: str, said: str
) -> None:
    """Missing, not ready, without its stream or its TTL."""
    (check,) = wrong(World(table=msgspec.structs.replace(TABLE, **changes)))
    assert (check.name, check.status, said in check.detail) == ("table t-events", status, True)
    assert check.fix


@pytest.mark.parametrize(
    ("stack", "statuses"),
    [
        (None, {"stack": "fail"}),
        (Deployment("ROLLBACK_COMPLETE", False, False, OUTPUTS), {"stack": "fail"}),
        (Deployment("UPDATE_IN_PROGRESS", False, True, OUTPUTS), {"stack": "warn"}),
        (Deployment("CREATE_COMPLETE", True, False, {}), {"outputs": "fail"}),
        (StorageError("describe the stack: ThrottlingException"), {"stack": "fail"}),
    ],
)
def test_a_stack_that_is_not_deployed(
    stack: Deployment | Exception | None, statuses: dict[str, str]
) -> None:
    """Absent, failed, under way, of another version, or not to be asked; the rest is checked."""
    found = cloud.checks(World(stack=stack), "t")
    assert {check.name: check.status for check in found if check.status != "ok"} == statuses
    assert found[-1].name == "concurrency"


@pytest.mark.parametrize(
    ("queue", "status"),
    [
        (QueueState("t-intake", 10_000, 0), None),
        (QueueState("t-intake", None, None), "fail"),
        (QueueState("t-intake-dlq", 0, 0), None),
        (QueueState("t-intake-dlq", 1, 0), "warn"),
        (QueueState("t-undelivered", 1, 0), "warn"),
    ],
)
def test_queues(queue: QueueState, status: str | None) -> None:
    """Messages in the intake are its work; dead letters are somebody's."""
    assert [check.status for check in wrong(World(queue=queue))] == ([status] if status else [])


@pytest.mark.parametrize(
    ("skew_s", "status"), [(-1.0, None), (6.0, "warn"), (-6.0, "warn"), (-250.0, "fail")]
)
def test_a_clock_that_is_off(skew_s: float, status: str | None) -> None:
    """The services refuse what was signed too early or too late."""
    who = Identity("0", "arn:aws:iam::0:user/u", "us-east-1", skew_s)
    assert [check.status for check in wrong(World(who=who))] == ([status] if status else [])


def test_a_new_account_runs_ten_functions_at_once() -> None:
    """It works, and more can be asked for."""
    (check,) = wrong(World(limit=Concurrency(10, 10)))
    assert (check.status, "Service Quotas" in check.fix) == ("warn", True)


def test_a_stack_without_functions() -> None:
    """It collects nothing."""
    (check,) = wrong(World(made=()))
    assert (check.name, check.status) == ("functions", "fail")
