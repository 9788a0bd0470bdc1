"""Entities in the stack: their reader of the stream, definitions of one's own, the webhook."""

import json
from pathlib import Path

import pytest

from infra.bundles import PLACEHOLDER, folder_of
from infra.choices import WEBHOOK
from infra.rights import rights
from infra.settings import StackSettings
from infra.template import Template
from tallybrook.entities.library import built_in
from tallybrook.errors import UsageError
from tests.infra.conftest import SHOP
from tests.infra.reading import functions, mappings, of_type, rule


def test_every_new_event_is_read_a_second_time(lowest: Template) -> None:
    """In the lowest tier too: a hundred at a time, halved where they fail, three retries, then
    somewhere to look at."""
    (mapping,) = mappings(lowest)["entities"]
    (numbering,) = mappings(lowest)["sequence"]
    assert mapping["EventSourceArn"] == numbering["EventSourceArn"]
    assert mapping["BatchSize"] == 100
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumRetryAttempts"] == 3
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert "Undelivered" in str(mapping["DestinationConfig"]["OnFailure"])
    readers = [
        name for name, made in mappings(lowest).items()
        for one in made if one["EventSourceArn"] == numbering["EventSourceArn"]
    ]  # fmt: skip
    assert len(readers) == 2, "a shard of a stream has room for two readers"


def test_the_operations_stream_is_read_the_same_way(highest: Template) -> None:
    """Where there is a Kinesis stream, by batches of a hundred with the same care."""
    (mapping,) = mappings(highest)["kinesis"]
    assert (mapping["BatchSize"], mapping["MaximumRetryAttempts"]) == (100, 3)
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "Undelivered" in str(mapping["DestinationConfig"]["OnFailure"])


def test_alerts_are_not_collected(lowest: Template) -> None:
    """What is told on the bus does not come in as an event."""
    pattern = rule(lowest, "collected")["EventPattern"]
    assert pattern["source"] == [{"anything-but": ["tallybrook", "tallybrook.entities"]}]


def test_without_a_webhook_nothing_is_made_for_it(lowest: Template) -> None:
    """No function, no queue, no secret that is paid for."""
    assert "webhook" not in functions(lowest)
    assert "webhook" not in json.dumps(lowest)


def test_the_webhook(chosen: Template) -> None:
    """Alerts alone go to its queue, one at a time to its function, which may read its secret and
    nothing of the data; the secret is in no environment."""
    alerts = rule(chosen, "webhook")
    assert alerts["EventPattern"] == {"source": ["tallybrook.entities"]}
    assert all("DeadLetterConfig" in target for target in alerts["Targets"])
    (mapping,) = mappings(chosen)["webhook"]
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (1, {"MaximumConcurrency": 2})
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    made = functions(chosen)["webhook"]
    queues = {queue["QueueName"]: queue for queue in of_type(chosen, "SQS::Queue").values()}
    queue = queues["tallybrook-alerts"]
    assert queue["VisibilityTimeout"] >= 6 * made["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] > 10, "the function gives up first"
    assert made["Environment"]["Variables"]["TALLYBROOK_ALERT_WEBHOOK"] == WEBHOOK
    assert "SECRET" not in json.dumps(made["Environment"])
    (role,) = (name for name in rights(chosen) if "WebhookRole" in name)
    actions = {action for _, found, _ in rights(chosen)[role] for action in found}
    assert not any(action.startswith("dynamodb:") for action in actions - {"dynamodb:UpdateItem"})
    assert chosen["Outputs"]["AlertWebhookSecret"]


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ({"alert_webhook": "ftp://x"}, "http"),
        ({"entities": "nothing.toml"}, "no such file"),
    ],
)
def test_what_cannot_be_deployed_is_refused(option: dict[str, str], reason: str) -> None:
    """Before anything is synthesised."""
    with pytest.raises(UsageError, match=reason):
        StackSettings(**option)  # type: ignore[arg-type]


def test_definitions_of_ones_own_are_deployed(chosen: Template, shop: Path, tmp_path: Path) -> None:
    """They lie in the code of the functions that read them, and in no other's; a mistake in them
    is found before."""
    for name, made in functions(chosen).items():
        variables = made["Environment"]["Variables"]
        reads = name in {"http", "entities", "sockets"}
        assert variables.get("TALLYBROOK_ENTITIES") == ("deployed" if reads else None)
    settings = StackSettings(stack="shop", bundles=PLACEHOLDER, entities=str(shop))
    code = folder_of("entities", settings)
    assert (code / "tallybrook/entities/data/deployed.toml").read_text() == SHOP
    assert folder_of("sequence", settings) == PLACEHOLDER
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(SHOP.replace('"count"', '"sum"'))
    with pytest.raises(UsageError, match=r"line \d+"):
        StackSettings(entities=str(wrong))
    assert "deployed" not in built_in()
