"""Every tier's stack beside the specification's table: what each column of it has made."""

from typing import Any, NamedTuple

import pytest

from infra.choices import ANALYST
from infra.functions import FUNCTIONS
from infra.settings import StackSettings
from infra.template import Template
from tallybrook.errors import UsageError
from tests.infra.conftest import TIERS
from tests.infra.reading import functions, mappings, of_type


class Row(NamedTuple):
    """Of the specification, as text of its own: a change of the table of tiers alone shows."""

    memory_mb: int
    special_mb: dict[str, int]
    traced: bool
    warm: bool
    watched: bool
    queue: tuple[int, int]
    retry_s: int
    stream_batch: int
    concurrency: int
    reserved: dict[str, int]
    analytics: bool


SMALL = {"anonymizer": 128, "ocean": 128, "s3": 128, "dual_ai": 128}
GROWN = {"anonymizer": 256, "ocean": 256, "s3": 256}
TABLE = {
    0: Row(128, SMALL, False, False, False, (5, 20), 2, 0, 10, {}, False),
    1000: Row(
        256, GROWN | {"dual_ai": 128}, False, False, True, (5, 20), 2, 0, 10, {}, False
    ),
    5000: Row(
        256, GROWN | {"dual_ai": 256}, True, False, True, (10, 20), 1, 100, 10, {}, True
    ),
    10000: Row(
        512, GROWN | {"dual_ai": 256}, True, True, True, (10, 5), 1, 100, 50,
        {"anonymizer": 10, "ocean": 20, "dual_ai": 5}, True,
    ),
}  # fmt: skip
ALWAYS = {spec.name: spec.memory_mb for spec in FUNCTIONS if spec.memory_mb}
QUEUES = {
    "sqs": "intake", "anonymizer": "assessments", "ocean": "ocean", "dual_ai": "agreement",
}  # fmt: skip


@pytest.fixture(params=TIERS)
def tier(request: pytest.FixtureRequest, templates: dict[int, Template]) -> tuple[Row, Template]:
    return TABLE[request.param], templates[request.param]


def test_memory(tier: tuple[Row, Template]) -> None:
    """Each function has the tier's memory, its own, or the one that it needs in every tier."""
    row, template = tier
    found = {name: made["MemorySize"] for name, made in functions(template).items()}
    wanted = dict.fromkeys(found, row.memory_mb) | row.special_mb | ALWAYS
    assert found == {name: wanted[name] for name in found}


def test_tracing(tier: tuple[Row, Template]) -> None:
    """Functions and the state machine are traced from $5,000."""
    row, template = tier
    modes = {made["TracingConfig"]["Mode"] for made in functions(template).values()}
    assert modes == {"Active" if row.traced else "PassThrough"}
    (machine,) = of_type(template, "StepFunctions::StateMachine").values()
    assert machine["TracingConfiguration"]["Enabled"] is row.traced


def test_concurrency(tier: tuple[Row, Template]) -> None:
    """What is reserved, kept warm, and read at once from queues and the stream."""
    row, template = tier
    reserved = {
        name: made["ReservedConcurrentExecutions"]
        for name, made in functions(template).items()
        if "ReservedConcurrentExecutions" in made
    }
    assert reserved == row.reserved
    warm = [
        made["ProvisionedConcurrencyConfig"]["ProvisionedConcurrentExecutions"]
        for made in of_type(template, "Lambda::Alias").values()
    ]
    assert warm == ([2] if row.warm else [])
    read = {name: queue_of(template, name)["ScalingConfig"] for name in QUEUES}
    assert read == {
        name: {"MaximumConcurrency": min(row.concurrency, row.reserved.get(name, row.concurrency))}
        for name in QUEUES
    }


def test_batches(tier: tuple[Row, Template]) -> None:
    """Of queues with their wait, of the Kinesis stream; pauses between tries of a step."""
    row, template = tier
    batch, wait_s = row.queue
    assert {queue_of(template, name)["BatchSize"] for name in QUEUES} == {batch}
    waits = {
        made["QueueName"].removeprefix("tallybrook-"): made["ReceiveMessageWaitTimeSeconds"]
        for made in of_type(template, "SQS::Queue").values()
        if "ReceiveMessageWaitTimeSeconds" in made
    }
    assert {name: waits[name] for name in QUEUES.values()} == dict.fromkeys(QUEUES.values(), wait_s)
    streams = mappings(template).get("kinesis", [])
    assert [made["BatchSize"] for made in streams] == [row.stream_batch][: row.analytics]
    (machine,) = of_type(template, "StepFunctions::StateMachine").values()
    assert f'"IntervalSeconds": {row.retry_s}, "MaxAttempts": 3' in machine["DefinitionString"]


def test_services(tier: tuple[Row, Template]) -> None:
    """Athena and Kinesis from $5,000, each once; alarms of every function from $1,000."""
    row, template = tier
    for kind in ("Athena::WorkGroup", "Glue::Database", "Kinesis::Stream"):
        assert len(of_type(template, kind)) == row.analytics, kind
    alarms = {made["AlarmName"] for made in of_type(template, "CloudWatch::Alarm").values()}
    watched = {name for name in functions(template) if f"tallybrook-{name}-errors" in alarms}
    assert (watched == functions(template).keys()) is row.watched


@pytest.mark.parametrize("mrr_usd", TIERS)
def test_quicksight_from_its_tier_on(mrr_usd: int) -> None:
    """Whoever is to get the dashboard is refused below $5,000, where there is nothing to read."""
    given: dict[str, Any] = {"mrr_usd": mrr_usd, "quicksight_principal": ANALYST}
    if TABLE[mrr_usd].analytics:
        assert StackSettings(**given).with_athena
        return
    with pytest.raises(UsageError, match="quicksight"):
        StackSettings(**given)


def queue_of(template: Template, function: str) -> dict[str, Any]:
    """How a function's queue is read."""
    (found,) = (made for made in mappings(template)[function] if "ScalingConfig" in made)
    return found
