"""Assessments, agreement and forwarding in the stack: queues, triggers, rights, the secret."""

import json

import pytest

from infra.choices import FORWARDED_TO
from infra.rights import rights
from infra.settings import StackSettings
from infra.template import Template
from tallybrook.costs.tiers import tier_of
from tallybrook.errors import UsageError
from tallybrook.wiring.assessments import MAX_RECEIVES
from tests.infra.conftest import TIERS
from tests.infra.reading import functions, mappings, of_type, rule

QUEUES = {"anonymizer": "assessments", "ocean": "ocean", "dual_ai": "agreement"}


@pytest.mark.parametrize("mrr_usd", TIERS)
def test_each_works_off_a_queue_of_its_own(templates: dict[int, Template], mrr_usd: int) -> None:
    """Batch, wait and concurrency are the tier's, never more than the function's reserve; a message
    that fails for the last time is kept beside it."""
    tier, template = tier_of(mrr_usd), templates[mrr_usd]
    queues = {queue["QueueName"]: queue for queue in of_type(template, "SQS::Queue").values()}
    for name, queue_name in QUEUES.items():
        (mapping,) = mappings(template)[name]
        queue, made = queues[f"tallybrook-{queue_name}"], functions(template)[name]
        reserved = made.get("ReservedConcurrentExecutions")
        assert reserved == tier.reserved_concurrency.get(name)
        most = min(tier.concurrency, reserved or tier.concurrency)
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": most}
        assert mapping["BatchSize"] == tier.queue_batch
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert queue["ReceiveMessageWaitTimeSeconds"] == tier.queue_wait_s
        assert queue["RedrivePolicy"]["maxReceiveCount"] == MAX_RECEIVES
        assert queue["VisibilityTimeout"] >= 6 * made["Timeout"]
        assert queues[f"tallybrook-{queue_name}-dlq"]["MessageRetentionPeriod"] == 14 * 86_400


def test_no_output_triggers_its_own_function(lowest: Template) -> None:
    """S3 tells the calculator's queue of what is anonymised, and nobody of what is received; the
    queue takes nothing else from S3, and from this bucket alone."""
    (bucket,) = of_type(lowest, "S3::Bucket").values()
    (told,) = bucket["NotificationConfiguration"]["QueueConfigurations"]
    (prefix,) = told["Filter"]["S3Key"]["Rules"]
    assert prefix == {"Name": "prefix", "Value": "anonymised/assessments/"}
    queue = lowest["Resources"][told["Queue"]["Fn::GetAtt"][0]]["Properties"]
    assert queue["QueueName"] == "tallybrook-ocean"
    assert "received/" not in json.dumps(bucket["NotificationConfiguration"])
    allowed = [
        statement
        for policy in of_type(lowest, "SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "s3.amazonaws.com"}
    ]
    assert [list(one["Condition"]["ArnEquals"]) for one in allowed] == [["aws:SourceArn"]]


def test_each_part_sees_only_its_own(lowest: Template) -> None:
    """The calculator has neither the secret nor raw objects, the anonymizer no scores to list, and
    neither may touch the other's queue."""
    granted = {
        name: json.dumps(statements)
        for name, statements in rights(lowest).items()
        for part in ("Anonymizer", "Ocean")
        if f"{part}Role" in name
    }
    anonymizer, ocean = (granted[name] for name in sorted(granted))
    assert "raw/" not in ocean
    assert "secretsmanager" not in ocean
    assert "tallybrook-assessments" not in ocean
    assert "dynamodb:Query" not in anonymizer
    assert "events:PutEvents" not in anonymizer


def test_the_secret_of_pseudonyms_outlives_the_stack(lowest: Template) -> None:
    """Made in the account, as long as the data are; in no environment."""
    (name,) = [
        name for name, made in of_type(lowest, "SecretsManager::Secret").items()
        if made["Name"] == "tallybrook/privacy"
    ]  # fmt: skip
    made = lowest["Resources"][name]
    assert made["DeletionPolicy"] == made["UpdateReplacePolicy"] == "Retain"
    assert made["Properties"]["GenerateSecretString"]["PasswordLength"] >= 32


def test_without_a_target_nothing_is_made_for_forwarding(lowest: Template) -> None:
    """No function, no secret, and everything on the bus is collected."""
    assert "forward" not in functions(lowest)
    assert "tallybrook/forwarding" not in json.dumps(lowest)
    assert "forward" not in str(rule(lowest, "collected")["EventPattern"])


def test_forwarding(chosen: Template) -> None:
    """By the clock one at a time, and what the bus is told for it alone, which is not collected;
    the forwarder is small in every tier."""
    made = functions(chosen)["forward"]
    assert made["MemorySize"] == 128
    assert made["Timeout"] < 300
    assert "ReservedConcurrentExecutions" not in made
    (schedule,) = [
        found for found in of_type(chosen, "Scheduler::Schedule").values()
        if found["Name"] == "forward"
    ]  # fmt: skip
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    assert rule(chosen, "forwarding")["EventPattern"]["source"] == ["forward"]
    assert "forward" in rule(chosen, "collected")["EventPattern"]["source"][0]["anything-but"]
    for name in ("forward", "http"):
        variables = functions(chosen)[name]["Environment"]["Variables"]
        assert variables["TALLYBROOK_FORWARD_TO"] == FORWARDED_TO
        assert variables["TALLYBROOK_FORWARD_FROM"] == "now"
    assert chosen["Outputs"]["ForwardingSecret"]


def test_choices_reach_who_they_are_for(chosen: Template, lowest: Template) -> None:
    """Indicators the calculator, norms the anonymizer, prices of models the function that measures;
    none is given by default."""
    for template, wanted in ((chosen, ("true", "true", "m=2.5")), (lowest, (None, None, None))):
        found = {n: made["Environment"]["Variables"] for n, made in functions(template).items()}
        assert wanted == (
            found["ocean"].get("TALLYBROOK_INDICATORS"),
            found["anonymizer"].get("TALLYBROOK_NORMS"),
            found["dual_ai"].get("TALLYBROOK_TOKEN_PRICES"),
        )


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ({"forward_to": "file:out.ndjson"}, "no files"),
        ({"forward_to": "https://key:@example.org/"}, "environment"),
        ({"forward_to": "sqs:x"}, "no target"),
        ({"token_prices": "m"}, "token prices"),
    ],
)
def test_what_cannot_be_deployed_is_refused(option: dict[str, str], reason: str) -> None:
    """Before anything is synthesised."""
    with pytest.raises(UsageError, match=reason):
        StackSettings(**option)  # type: ignore[arg-type]
