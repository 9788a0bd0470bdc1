"""The fields of the schema: records and AggregatedMetrics as an Amplify API has them (SPEC 2)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.events.instants import format_instant
from tallybrook.ports.metrics.graphql import version_text
from tests.counters.world import NOW_US, us
from tests.graphql.serving import Served, serving_graphql

START = us("2024-01-19T14:00:00Z") // 1_000_000
KEY = "items#2024-01-19T14:35:00Z#5"
METRIC = (
    "accountId compositeKey recordType timeRangeStart timeRangeEnd numberOfMinutes count"
    " complete createdAt updatedAt"
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Counts come from this product's own records."""
    with serving_graphql(tmp_path, clock=lambda: NOW_US) as running:
        yield running


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Served]:
    """Counts come from outside."""
    with serving_graphql(tmp_path, counted_here=False, clock=lambda: NOW_US) as running:
        yield running


def put(served: Served, record_id: str, **fields: Any) -> Any:
    text = "mutation ($i: PutItemInput!) { putItem(input: $i) { id createdAt body } }"
    return served.ask(text, i={"id": record_id, **fields})


def write(served: Served, key: str, count: int, verb: str = "create", **fields: Any) -> Any:
    condition = fields.pop("condition", None)
    kind = verb.capitalize()
    text = (
        f"mutation ($i: {kind}AggregatedMetricsInput!, $c: ModelAggregatedMetricsConditionInput)"
        f" {{ {verb}AggregatedMetrics(input: $i, condition: $c) {{ {METRIC} }} }}"
    )
    answer = served.ask(text, i={"compositeKey": key, "count": count, **fields}, c=condition)
    return answer if "errors" in answer else answer["data"][f"{verb}AggregatedMetrics"]


def listed(served: Served, **args: Any) -> list[str]:
    """The keys of all pages."""
    text = (
        "query ($k: ModelStringKeyConditionInput, $f: ModelAggregatedMetricsFilterInput,"
        " $n: Int, $t: String) { listAggregatedMetrics(compositeKey: $k, filter: $f, limit: $n,"
        " nextToken: $t) { items { compositeKey } nextToken } }"
    )
    keys: list[str] = []
    token = None
    while True:
        page = served.ask(text, **args, t=token)["data"]["listAggregatedMetrics"]
        assert len(page["items"]) <= args.get("n", 100)
        keys += [item["compositeKey"] for item in page["items"]]
        token = page["nextToken"]
        if token is None:
            return keys


def test_a_record_is_counted(served: Served) -> None:
    """A record that is put is there, and is in one bucket of each size, with the row's names."""
    put(served, "a", createdAt="2024-01-19T14:37:23Z", body='{"name": "x"}')
    (record,) = served.ask("{ listItems { items { id accountId createdAt body } } }")["data"][
        "listItems"
    ]["items"]
    assert record == {
        "id": "a", "accountId": "acme", "createdAt": "2024-01-19T14:37:23Z",
        "body": '{"name":"x","createdAt":"2024-01-19T14:37:23Z"}',
    }  # fmt: skip
    found = served.ask(f'{{ getAggregatedMetrics(compositeKey: "{KEY}") {{ {METRIC} }} }}')
    assert found["data"]["getAggregatedMetrics"] == {
        "accountId": "acme", "compositeKey": KEY, "recordType": "items",
        "timeRangeStart": "2024-01-19T14:35:00Z", "timeRangeEnd": "2024-01-19T14:40:00Z",
        "numberOfMinutes": 5, "count": 1, "complete": False,
        "createdAt": format_instant(NOW_US), "updatedAt": format_instant(NOW_US),
    }  # fmt: skip
    assert listed(served) == [
        "items#2024-01-19T14:00:00Z#60", "items#2024-01-19T14:30:00Z#15", KEY,
        "items#2024-01-19T14:37:00Z#1",
    ]  # fmt: skip


def test_put_and_delete(served: Served) -> None:
    """Put replaces, delete gives what was there, then nothing."""
    put(served, "a", createdAt="2024-01-19T14:37:23Z")
    put(served, "a", updatedAt="2024-01-19T13:00:00Z")
    remove = 'mutation { deleteItem(input: {id: "a"}) { id updatedAt createdAt } }'
    assert served.ask(remove)["data"]["deleteItem"] == {
        "id": "a", "updatedAt": "2024-01-19T13:00:00Z", "createdAt": None,
    }  # fmt: skip
    assert served.ask(remove)["data"]["deleteItem"] is None
    assert served.ask('{ getItem(id: "a") { id } }')["data"]["getItem"] is None
    totals = served.ask("{ listAggregatedMetrics { items { count } } }")["data"]
    assert {item["count"] for item in totals["listAggregatedMetrics"]["items"]} == {0}


def test_lists_by_account_and_time(served: Served) -> None:
    """By the instant that is counted, whatever the field is called, over all pages, in order."""
    for i in range(7):
        put(served, f"r{i}", createdAt=format_instant((START + 60 * i) * 1_000_000))
    put(served, "timeless")
    between = ["2024-01-19T14:01:00Z", "2024-01-19T16:05:00+02:00"]
    text = (
        "query ($t: String, $b: [String!]) { listItemByAccountIdAndCreatedAt(accountId: "
        '"acme", createdAt: {between: $b}, limit: 2, nextToken: $t)'
        " { items { id } nextToken } }"
    )
    ids: list[str] = []
    token = None
    while True:
        page = served.ask(text, t=token, b=between)["data"]["listItemByAccountIdAndCreatedAt"]
        ids += [item["id"] for item in page["items"]]
        token = page["nextToken"]
        if token is None:
            break
    assert ids == [f"r{i}" for i in range(1, 6)]
    for condition, expected in {
        'eq: "2024-01-19T14:03:00Z"': ["r3"],
        'gt: "2024-01-19T14:04:00Z"': ["r5", "r6"],
        'ge: "2024-01-19T14:05:00Z"': ["r5", "r6"],
        'lt: "2024-01-19T14:01:00Z"': ["r0"],
        'le: "2024-01-19T14:01:00Z"': ["r0", "r1"],
    }.items():
        query = (
            f'{{ listItemByAccountIdAndUpdatedAt(accountId: "acme", updatedAt: {{{condition}}})'
            " { items { id } } }"
        )
        items = served.ask(query)["data"]["listItemByAccountIdAndUpdatedAt"]["items"]
        assert [item["id"] for item in items] == expected, condition


def test_accounts_are_apart(served: Served) -> None:
    """Another account's id is refused wherever it can be written, and its rows are not seen."""
    put(served, "a", createdAt="2024-01-19T14:37:23Z")
    for query in (
        '{ listAggregatedMetrics(accountId: "rival") { nextToken } }',
        f'{{ getAggregatedMetrics(accountId: "rival", compositeKey: "{KEY}") {{ count }} }}',
        '{ listItemByAccountIdAndCreatedAt(accountId: "rival") { nextToken } }',
        'mutation { putItem(input: {id: "a", accountId: "rival"}) { id } }',
        'mutation { putItem(input: {id: "a", body: "{\\"accountId\\":\\"rival\\"}"}) { id } }',
        'mutation { deleteItem(input: {id: "a", accountId: "rival"}) { id } }',
        'mutation { createAggregatedMetrics(input: {accountId: "rival", count: 1,'
        f' compositeKey: "{KEY}"}}) {{ count }} }}',
    ):
        answer = served.ask(query)
        assert answer["errors"][0]["errorType"] in ("Unauthorized", "ValidationException"), query
    for query in (
        "{ listItems { items { id } } }",
        "{ listAggregatedMetrics { items { count } } }",
    ):
        (page,) = served.ask(query, "rival")["data"].values()
        assert page["items"] == []


def test_conditions_on_the_key(outside: Served) -> None:
    """Every kind of condition, as text, in pages of any size; filters after that."""
    keys = sorted(
        f"{name}#{format_instant((START + 900 * i) * 1_000_000)}#{size}"
        for name in ("items", "itemsExtra", "tasks")
        for size in (1, 5, 15)
        for i in range(5)
    )
    for key in keys:
        write(outside, key, 1)
    a, b = "items#2024-01-19T14:15:00Z#15", "items#2024-01-19T14:45"
    for condition, holds in (
        (None, lambda _k: True),
        ({"beginsWith": "items#"}, lambda k: k.startswith("items#")),
        ({"beginsWith": "items#2024-01-19T14"}, lambda k: k.startswith("items#2024-01-19T14")),
        ({"beginsWith": "it"}, lambda k: k.startswith("it")),
        ({"between": [a, b]}, lambda k: a <= k <= b),
        ({"ge": a}, lambda k: k >= a),
        ({"gt": a}, lambda k: k > a),
        ({"le": a}, lambda k: k <= a),
        ({"lt": a}, lambda k: k < a),
        ({"eq": a}, lambda k: k == a),
        ({"between": [b, a]}, lambda _k: False),
    ):
        for limit in (4, 1000):
            assert listed(outside, k=condition, n=limit) == [k for k in keys if holds(k)]
    found = listed(outside, f={"numberOfMinutes": {"eq": 5}, "recordType": {"eq": "tasks"}})
    assert found == [k for k in keys if k.endswith("#5") and k.startswith("tasks")]


def test_newer_wins(outside: Served) -> None:
    """The later updatedAt stays; with a condition that is an error, else the answer says so."""
    early, late = version_text(NOW_US - 10**6), version_text(NOW_US)
    assert write(outside, KEY, 2, updatedAt=late)["count"] == 2
    assert write(outside, KEY, 1, "update", updatedAt=early)["count"] == 2
    older = {"updatedAt": {"lt": early}}
    refused = write(outside, KEY, 1, "update", updatedAt=early, condition=older)
    assert refused["errors"][0]["errorType"] == "DynamoDB:ConditionalCheckFailedException"
    assert write(outside, KEY, 0, "update")["count"] == 0


def test_what_is_counted_here_is_never_replaced(served: Served) -> None:
    """A recount from outside of records that this product counts itself changes nothing."""
    put(served, "a", createdAt="2024-01-19T14:37:23Z")
    assert write(served, KEY, 99)["count"] == 1
    assert write(served, "tasks#2024-01-19T14:35:00Z#5", 7)["count"] == 7


@pytest.mark.parametrize(
    "fields",
    [
        {"compositeKey": "items"},
        {"compositeKey": "items#2024-01-19T14:36:00Z#5"},
        {"compositeKey": "items#2024-01-19T14:35:00Z#7"},
        {"compositeKey": "it ems#2024-01-19T14:35:00Z#5"},
        {"compositeKey": "items#yesterday#5"},
        {"count": -1},
        {"numberOfMinutes": 15},
        {"recordType": "tasks"},
        {"timeRangeEnd": "2024-01-19T14:41:00Z"},
        {"updatedAt": "soon"},
        {"updatedAt": "9999-01-01T00:00:00Z"},
        {"updatedAt": "2024-01-19T14:37:23Z", "condition": {"updatedAt": {"lt": "2024-01-19"}}},
        {"compositeKey": None},
    ],
)
def test_inputs_that_are_refused(outside: Served, fields: dict[str, Any]) -> None:
    """Each with a reason, and nothing is stored."""
    given = {"key": KEY, "count": 1, **fields}
    given["key"] = given.pop("compositeKey", KEY)
    answer = write(outside, **given)
    assert answer["errors"][0]["errorType"] == "ValidationException"
    assert listed(outside) == []


def test_parts_instead_of_a_key(outside: Served) -> None:
    """The key is made of its parts; other spellings of an instant are the same instant."""
    stored = write(
        outside, None, 3, recordType="items", timeRangeStart="2024-01-19T16:35:00+02:00",
        numberOfMinutes=5,
    )  # type: ignore[arg-type]  # fmt: skip
    assert stored["compositeKey"] == KEY


@pytest.mark.parametrize(
    "query",
    [
        '{ listItems(nextToken: "?") { nextToken } }',
        '{ listAggregatedMetrics(nextToken: "e30") { nextToken } }',
        "{ listItems(limit: 0) { nextToken } }",
        '{ listItems(createdAt: {eq: "x"}) { nextToken } }',
        '{ listItems(createdAt: {beginsWith: "2024"}) { nextToken } }',
        '{ listItems(createdAt: {eq: "2024-01-01", lt: "2024-01-02"}) { nextToken } }',
        '{ listItems(createdAt: {between: ["2024-01-01"]}) { nextToken } }',
        'mutation { putItem(input: {id: ""}) { id } }',
        'mutation { putItem(input: {id: "a", body: "[1]"}) { id } }',
        'mutation { putItem(input: {id: "a", body: "{"}) { id } }',
    ],
)
def test_arguments_that_are_refused(served: Served, query: str) -> None:
    """As a field's error, with what is wrong."""
    error = served.ask(query)["errors"][0]
    assert error["errorType"] == "ValidationException"
    assert error["extensions"]["errors"] or error["extensions"]["code"]
