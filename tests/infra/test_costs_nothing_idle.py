"""The lowest tier: nothing in it is paid by the hour. And what a month without events costs."""

import pytest

from infra.idle import idle_cost, standing
from infra.template import Template
from tallybrook.costs.prices import prices
from tallybrook.costs.standing import standing_of
from tallybrook.costs.tiers import tier_of
from tests.infra.reading import functions, of_type

PAID_BY_USE = {
    "ApiGatewayV2::Api", "ApiGatewayV2::Integration", "ApiGatewayV2::Route", "ApiGatewayV2::Stage",
    "AppSync::ApiKey", "AppSync::DataSource", "AppSync::GraphQLApi", "AppSync::GraphQLSchema",
    "AppSync::Resolver", "DynamoDB::Table", "Events::EventBus", "Events::Rule", "IAM::Policy",
    "IAM::Role", "Lambda::EventInvokeConfig", "Lambda::EventSourceMapping", "Lambda::Function",
    "Lambda::Permission", "Logs::LogGroup", "S3::Bucket", "S3::BucketPolicy", "SNS::Topic",
    "SNS::TopicPolicy", "SQS::Queue", "SQS::QueuePolicy", "Scheduler::Schedule",
    "Scheduler::ScheduleGroup", "StepFunctions::StateMachine",
}  # fmt: skip
PAID_BY_THE_MONTH = {"CloudWatch::Alarm", "CloudWatch::Dashboard", "SecretsManager::Secret"}
"""Each has a line in the idle bill."""


def test_the_lowest_tier_has_nothing_with_an_hourly_fee(lowest: Template) -> None:
    """No stream, no warm instances, no keys, no network, no tables with provisioned capacity."""
    kinds = {made["Type"].removeprefix("AWS::") for made in lowest["Resources"].values()}
    assert kinds <= PAID_BY_USE | PAID_BY_THE_MONTH
    for table in of_type(lowest, "DynamoDB::Table").values():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
    for made in functions(lowest).values():
        assert "VpcConfig" not in made
        assert "ReservedConcurrentExecutions" not in made
    for stage in of_type(lowest, "ApiGatewayV2::Stage").values():
        assert not stage.get("DefaultRouteSettings", {}).get("DetailedMetricsEnabled")


def test_higher_tiers_pay_for_what_they_say(templates: dict[int, Template]) -> None:
    """The stream from $5,000, warm instances from $10,000."""
    has = {
        tier: (bool(of_type(template, "Kinesis::Stream")), bool(of_type(template, "Lambda::Alias")))
        for tier, template in templates.items()
    }
    assert has == {
        0: (False, False), 1000: (False, False), 5000: (True, False), 10000: (True, True),
    }  # fmt: skip


def test_an_idle_month_in_the_lowest_tier(lowest: Template) -> None:
    """Two secrets, polls beyond the free million and a cent of reads are all that is left to pay
    in an account with its free allowances."""
    lines = {line.what: line for line in idle_cost(lowest).lines}
    payable = {what: line.payable_usd for what, line in lines.items() if line.payable_usd}
    assert payable == {
        "Secrets": pytest.approx(0.80),
        "Polls of empty queues": pytest.approx(0.65, rel=0.01),
        "Looking for what is due": pytest.approx(0.01, rel=0.05),
    }
    assert lines["Alarms"].listed_usd == pytest.approx(1.00)
    assert lines["Polls of empty queues"].quantity == 4 * 5 * 730 * 3600 / 20


def test_an_idle_month_in_the_highest_tier(highest: Template) -> None:
    """A shard by the hour, and two warm instances of 512 MB by the second."""
    lines = {line.what: line for line in idle_cost(highest).lines}
    assert lines["Kinesis shard"].payable_usd == pytest.approx(730 * 0.015)
    assert lines["Warm instances"].payable_usd == pytest.approx(
        2 * 0.5 * 730 * 3600 * prices().usd("lambda.warm_gb_s.arm64")
    )


def test_the_product_knows_what_its_stacks_have(templates: dict[int, Template]) -> None:
    """Plans and what-ifs reckon with what each tier's template says."""
    for mrr_usd, template in templates.items():
        assert standing(template) == standing_of(tier_of(mrr_usd), "arm64")
