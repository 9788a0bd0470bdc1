"""The same schema behind AppSync: the client recounts an API that a function answers for."""

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema

import tallybrook
from tallybrook.counters.stream_recount import recount_window
from tallybrook.counters.window import Window
from tallybrook.events.instants import HOUR_US
from tallybrook.graphql.sdl import SCALARS, merged_sdl
from tallybrook.ports.aws.clients import client
from tallybrook.ports.graphql.client import Api, ApiError, Endpoint
from tallybrook.ports.metrics.graphql import GraphqlMetrics
from tallybrook.ports.records.graphql import GraphqlRecords
from tests.counters.world import NOW_US
from tests.support import wait_for
from tests.support.emulator import Emulator, make_tables

TYPES = ("items", "tasks")
HOUR = NOW_US // HOUR_US
STUB = """
import sys
sys.path[:0] = {paths!r}
from tallybrook.entrypoints.lambdas.resolve import handler
"""


@pytest.fixture
def appsync(emulator: Emulator, stack: str) -> Iterator[Endpoint]:
    """An AppSync API whose every field is answered by the function ``resolve``."""
    make_tables(stack)
    service: Any = client("appsync")
    api_id = service.create_graphql_api(name=stack, authenticationType="API_KEY")["graphqlApi"][
        "apiId"
    ]
    sdl = merged_sdl(TYPES)
    service.start_schema_creation(apiId=api_id, definition=sdl.encode())
    status = service.get_schema_creation_status
    wait_for(lambda: status(apiId=api_id)["status"] == "SUCCESS", 20, "the schema")
    service.create_data_source(
        apiId=api_id, name="resolve", type="AWS_LAMBDA",
        lambdaConfig={"lambdaFunctionArn": _function(emulator, stack)},
    )  # fmt: skip
    schema = build_schema(SCALARS + sdl)
    for root in (schema.query_type, schema.mutation_type):
        assert isinstance(root, GraphQLObjectType)
        for name in root.fields:
            service.create_resolver(
                apiId=api_id, typeName=root.name, fieldName=name, dataSourceName="resolve"
            )
    key = service.create_api_key(apiId=api_id)["apiKey"]["id"]
    yield Endpoint(f"{emulator.endpoint}/v1/apis/{api_id}/graphql", key)
    service.delete_graphql_api(apiId=api_id)


def _function(emulator: Emulator, stack: str) -> str:
    packed = io.BytesIO()
    paths = [str(Path(tallybrook.__file__).parents[1]), *(p for p in sys.path if "site-" in p)]
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("stub.py", STUB.format(paths=paths))
    made = client("lambda").create_function(
        FunctionName=f"{stack}-resolve", Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/none", Handler="stub.handler",
        Code={"ZipFile": packed.getvalue()}, Timeout=60,
        Environment={
            "Variables": {
                **emulator.environment, "TALLYBROOK_BACKEND": "aws", "TALLYBROOK_STACK": stack,
                "TALLYBROOK_GRAPHQL_ACCOUNT": "acme",
            }
        },
    )  # fmt: skip
    return str(made["FunctionArn"])


@pytest.fixture
def api(appsync: Endpoint) -> Iterator[Api]:
    opened = Api(appsync, wait=lambda _s: None)
    yield opened
    opened.close()


def test_records_and_their_counts(api: Api) -> None:
    """Records put over AppSync are listed in pages, recounted, and written back as metrics; an
    older recount does not overwrite; every field answers."""
    put = "mutation ($i: PutItemInput!) { putItem(input: $i) { id accountId body } }"
    for i in range(5):
        stamp = f"2024-01-19T14:0{i}:00Z"
        assert (
            api.query(put, {"i": {"id": f"r{i}", "createdAt": stamp}})["putItem"]["id"] == f"r{i}"
        )
    sink, source = GraphqlMetrics(api, at_once=10), GraphqlRecords(api)
    stale = sink.ticket("acme", "items")
    done = recount_window(("acme", "items"), Window((HOUR,)), source, sink)
    assert done.tally is not None
    assert done.written is not None
    assert (done.tally.counted, done.written.written) == (5, 77)
    (hour,) = sink.stored("acme", "items", 60, HOUR * 3600, HOUR * 3600 + 3600)
    assert hour.count == 5
    late = sink.write("acme", "items", {(60, HOUR * 3600): 1}, stale, NOW_US)
    assert (late.written, late.superseded) == (0, 1)
    assert sink.stored("acme", "items", 60, HOUR * 3600, HOUR * 3600 + 60)[0].count == 5
    assert api.query('mutation { deleteItem(input: {id: "r0"}) { id } }', {}) == {
        "deleteItem": {"id": "r0"}
    }
    again = recount_window(("acme", "items"), Window((HOUR,)), source, sink)
    assert again.tally is not None
    assert again.tally.counted == 4


def test_a_wrong_key(appsync: Endpoint) -> None:
    """AppSync's refusal is told at once."""
    opened = Api(Endpoint(appsync.url, "da2-nobody"))
    with pytest.raises(ApiError, match="Unauthorized"):
        opened.query("{ listItems { nextToken } }", {})
    opened.close()


def test_page_tokens(api: Api) -> None:
    """A page token of ours goes through AppSync unchanged."""
    put = "mutation ($i: PutItemInput!) { putItem(input: $i) { id } }"
    for i in range(3):
        api.query(put, {"i": {"id": str(i), "createdAt": "2024-01-19T14:00:00Z"}})
    text = (
        "query ($account: String!, $nextToken: String) { listItemByAccountIdAndCreatedAt("
        "accountId: $account, limit: 1, nextToken: $nextToken) { items { id } nextToken } }"
    )
    found = api.pages(text, "listItemByAccountIdAndCreatedAt", {"account": "acme"})
    assert [item["id"] for item in found] == ["0", "1", "2"]
