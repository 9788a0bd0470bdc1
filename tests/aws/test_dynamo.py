"""DynamoDB's traps, against the emulated service."""

from typing import Any

import pytest

from tallybrook.errors import TallybrookError
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import batch_get, batch_write, number, pages, text
from tallybrook.ports.aws.tables import LOG, physical
from tests.support.emulator import make_tables


@pytest.fixture
def table(stack: str) -> str:
    make_tables(stack, (LOG,))
    return physical(stack, LOG)


def test_batches_of_any_size_go_through(table: str) -> None:
    """More items than one call takes are written and read, each once."""
    dynamo: Any = client("dynamodb")
    items = [{"pk": text("a"), "seq": number(n), "body": {"B": b"x" * 9_000}} for n in range(260)]
    batch_write(dynamo, table, ({"PutRequest": {"Item": item}} for item in items))
    keys = [{"pk": item["pk"], "seq": item["seq"]} for item in items]
    found = batch_get(dynamo, table, keys, ConsistentRead=True)
    assert sorted(int(item["seq"]["N"]) for item in found) == list(range(260))


def test_every_page_is_read(table: str) -> None:
    """A query over more than one page (1 MB) gives everything, in order."""
    dynamo: Any = client("dynamodb")
    for n in range(30):
        dynamo.put_item(
            TableName=table,
            Item={"pk": text("a"), "seq": number(n), "body": {"B": b"x" * 100_000}},
        )
    found = pages(
        dynamo, "query", TableName=table, KeyConditionExpression="pk = :a",
        ExpressionAttributeValues={":a": text("a")},
    )  # fmt: skip
    assert [int(item["seq"]["N"]) for item in found] == list(range(30))


def test_a_missing_table_is_no_reason_to_try_again(stack: str) -> None:
    """What can never succeed is not told as retryable."""
    with pytest.raises(TallybrookError) as caught, translated("read"):
        client("dynamodb").get_item(TableName=f"{stack}-none", Key={"pk": text("a")})
    assert caught.value.status == 500
