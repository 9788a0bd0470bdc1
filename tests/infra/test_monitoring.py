"""Logs, alarms, dashboard, tags and outputs."""

import json

import pytest

from infra.template import Template
from tests.infra.conftest import TIERS
from tests.infra.reading import functions, of_type


def alarms(template: Template) -> dict[str, dict]:
    found = of_type(template, "CloudWatch::Alarm").values()
    return {made["AlarmName"].removeprefix("tallybrook-"): made for made in found}


@pytest.mark.parametrize("tier", TIERS)
def test_logs_end(templates: dict[int, Template], tier: int) -> None:
    """Every log group is the stack's own and forgets after a month; each function has one."""
    groups = of_type(templates[tier], "Logs::LogGroup")
    assert {group["RetentionInDays"] for group in groups.values()} == {30}
    used = {
        made["LoggingConfig"]["LogGroup"]["Ref"] for made in functions(templates[tier]).values()
    }
    assert len(used) == len(functions(templates[tier]))
    assert used <= groups.keys()


def test_the_lowest_tier_has_the_alarms_that_cost_nothing(lowest: Template) -> None:
    """Ten, and among them one for everything that can fail without a caller seeing it."""
    assert alarms(lowest).keys() == {
        "api-errors", "http-throttles", "intake-dlq-not-empty", "recount-errors", "recount-late",
        "sequence-errors", "sequence-late", "sequence-throttles", "sockets-errors",
        "undelivered-not-empty",
    }  # fmt: skip


@pytest.mark.parametrize("tier", TIERS[1:])
def test_higher_tiers_watch_each_function(templates: dict[int, Template], tier: int) -> None:
    """Errors and throttles of every function, lateness of stream readers, every queue of what
    could not be done."""
    names = functions(templates[tier])
    wanted = {f"{name}-{what}" for name in names for what in ("errors", "throttles")}
    wanted |= {f"{name}-late" for name in ("sequence", "recount", "entities")}
    dead = ("intake-dlq", "undelivered", "assessments-dlq", "ocean-dlq", "agreement-dlq")
    wanted |= {f"{name}-not-empty" for name in dead}
    assert alarms(templates[tier]).keys() > wanted


def test_alarms_reach_somebody(highest: Template) -> None:
    """Every alarm goes to the topic, and silence of a metric is no alarm."""
    (topic,) = of_type(highest, "SNS::Topic")
    for alarm in alarms(highest).values():
        assert alarm["AlarmActions"] == [{"Ref": topic}]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_dashboard_is_small_enough_to_be_free(highest: Template) -> None:
    """At most 50 metrics."""
    (dashboard,) = of_type(highest, "CloudWatch::Dashboard").values()
    parts = dashboard["DashboardBody"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "x" for part in parts)
    widgets = json.loads(text)["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"]["metrics"]]
    assert 30 < len(metrics) <= 50


def test_everything_that_can_be_is_tagged(lowest: Template) -> None:
    """Costs can be told apart by the stack's tags."""
    wanted = {"project": "tallybrook", "stack": "tallybrook"}
    for kind in ("DynamoDB::Table", "S3::Bucket", "Lambda::Function", "SQS::Queue", "IAM::Role"):
        for made in of_type(lowest, kind).values():
            assert {tag["Key"]: tag["Value"] for tag in made["Tags"]} | wanted == {
                tag["Key"]: tag["Value"] for tag in made["Tags"]
            }


def test_outputs_say_where_everything_is(highest: Template, lowest: Template) -> None:
    """The names that the doctor and the guide use; none of them is a secret."""
    wanted = {
        "AdminKeySecret", "AgreementQueueUrl", "AlarmsTopic", "ApiUrl", "Bucket", "BusName",
        "DeadLetterQueueUrl", "GraphqlApiId", "GraphqlUrl", "PrivacySecret", "QueueUrl",
        "SocketsManagementUrl", "SocketsUrl", "TablesPrefix", "Tier", "UndeliveredQueueUrl",
    }  # fmt: skip
    assert lowest["Outputs"].keys() == wanted
    assert highest["Outputs"].keys() == wanted | {"StreamName"}
