"""What the streams, the queue and the clock hand to functions."""

import pytest

from infra.settings import StackSettings
from infra.template import Template
from tallybrook.costs.tiers import tier_of
from tallybrook.errors import UsageError
from tests.infra.conftest import TIERS
from tests.infra.reading import functions, mappings, of_type

BATCHING = {"items": (10, 15), "scoreResults": (100, 15), "tasks": (1, 15), "evaluations": (1, 15)}


def test_the_sequencer_always_starts_again_at_the_same_record(lowest: Template) -> None:
    """Its batch is neither halved nor acknowledged in part, and comes until it worked."""
    (mapping,) = mappings(lowest)["sequence"]
    assert mapping["BisectBatchOnFunctionError"] is False
    assert "FunctionResponseTypes" not in mapping
    assert mapping["MaximumRetryAttempts"] == mapping["MaximumRecordAgeInSeconds"] == -1
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["ParallelizationFactor"] == 1
    assert mapping["MaximumBatchingWindowInSeconds"] == 1


def test_events_wait_as_long_as_was_chosen(chosen: Template) -> None:
    """For others, before they are numbered together; neither not at all nor longer than Lambda
    does."""
    (mapping,) = mappings(chosen)["sequence"]
    assert mapping["MaximumBatchingWindowInSeconds"] == 10
    for window_s in (0, 301):
        with pytest.raises(UsageError, match="window-s"):
            StackSettings(window_s=window_s)


def test_record_types_are_batched_as_specified(lowest: Template) -> None:
    """So many records or so many seconds, by record type; a failing batch is halved, a failing
    record is named, and after three retries it goes where it can be looked at."""
    found = {}
    for mapping in mappings(lowest)["recount"]:
        table = lowest["Resources"][mapping["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
        name = table["TableName"].removeprefix("tallybrook-records-")
        found[name] = (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"])
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["MaximumRetryAttempts"] == 3
        assert "Undelivered" in str(mapping["DestinationConfig"]["OnFailure"])
    assert found == BATCHING


@pytest.mark.parametrize("mrr_usd", TIERS)
def test_the_queue_is_read_as_the_tier_says(templates: dict[int, Template], mrr_usd: int) -> None:
    """Batch, wait and concurrency are the tier's; a message that fails three times is kept."""
    tier, template = tier_of(mrr_usd), templates[mrr_usd]
    (mapping,) = mappings(template)["sqs"]
    queues = {queue["QueueName"]: queue for queue in of_type(template, "SQS::Queue").values()}
    queue = queues["tallybrook-intake"]
    assert mapping["BatchSize"] == tier.queue_batch
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": tier.concurrency}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert queue["ReceiveMessageWaitTimeSeconds"] == tier.queue_wait_s
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 3
    assert queue["VisibilityTimeout"] >= 6 * functions(template)["sqs"]["Timeout"]


def test_asynchronous_calls_that_fail_are_kept(lowest: Template) -> None:
    """Files, bus events and scheduled runs are tried three times, then put in a queue."""
    configured = of_type(lowest, "Lambda::EventInvokeConfig").values()
    called = [lowest["Resources"][made["FunctionName"]["Ref"]] for made in configured]
    names = {made["Properties"]["FunctionName"].removeprefix("tallybrook-") for made in called}
    assert names == {
        "bus", "s3", "schedule", "lake", "entities", "anonymizer", "ocean", "dual_ai",
    }  # fmt: skip
    for made in configured:
        assert made["MaximumRetryAttempts"] == 2
        assert "Undelivered" in str(made["DestinationConfig"]["OnFailure"])
    for rule in of_type(lowest, "Events::Rule").values():
        assert all("DeadLetterConfig" in target for target in rule["Targets"])
    for schedule in of_type(lowest, "Scheduler::Schedule").values():
        assert "Undelivered" in str(schedule["Target"]["DeadLetterConfig"])


@pytest.mark.parametrize("mrr_usd", TIERS)
def test_functions_are_as_large_as_the_tier_says(
    templates: dict[int, Template], mrr_usd: int
) -> None:
    """All but those that run DuckDB or numpy, which have the same memory in every tier."""
    tier = tier_of(mrr_usd)
    made = functions(templates[mrr_usd])
    memory = {name: found["MemorySize"] for name, found in made.items()}
    assert memory.pop("query") == 1024
    assert memory.pop("lake") == 512
    assert memory.pop("workflow") == 256
    assert memory.pop("s3") == tier.memory_of("files")
    for name in ("anonymizer", "ocean", "dual_ai"):
        assert memory.pop(name) == tier.memory_of(name)
    assert set(memory.values()) == {tier.memory_mb}


def test_functions_run_where_and_on_what_was_chosen(lowest: Template) -> None:
    """arm64 and one Python for all, the handler of their name, no secret in the environment."""
    for name, made in functions(lowest).items():
        assert made["Architectures"] == ["arm64"]
        assert made["Runtime"] == "python3.13"
        assert made["Handler"] == f"tallybrook.entrypoints.lambdas.{name}.handler"
        variables = made["Environment"]["Variables"]
        assert variables["TALLYBROOK_BACKEND"] == "aws"
        assert variables["TALLYBROOK_STACK"] == "tallybrook"
        assert not any("KEY" in variable for variable in variables)
        assert ("TALLYBROOK_SOCKETS_URL" in variables) == (
            name in {"sockets", "sequence", "recount", "entities"}
        )
