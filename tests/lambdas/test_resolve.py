"""GraphQL fields as AppSync asks a function for them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tallybrook.entrypoints.lambdas import resolve
from tallybrook.errors import ForbiddenError, InvalidError, NotFoundError
from tests.lambdas.stack import Stack

PUT = {"input": {"id": "a", "createdAt": "2024-01-19T14:37:23Z"}}


@pytest.fixture(autouse=True)
def fresh(here: Stack) -> Iterator[Stack]:
    resolve.ports.cache_clear()
    resolve._fields.cache_clear()
    yield here
    resolve.ports.cache_clear()
    resolve._fields.cache_clear()


def ask(name: str, arguments: Any = None, identity: Any = None) -> Any:
    """A field as a direct Lambda resolver is asked for it."""
    event = {
        "arguments": arguments or {},
        "identity": identity,
        "source": None,
        "request": {"headers": {"x-api-key": "da2-key"}},
        "prev": None,
        "info": {"fieldName": name, "parentTypeName": "Query", "variables": {}},
        "stash": {},
    }
    return resolve.handler(event, None)


def caller(account_id: str, scopes: str) -> dict[str, Any]:
    return {"resolverContext": {"account_id": account_id, "scopes": scopes}}


def test_a_record_over_appsync() -> None:
    """Put, got, listed and deleted; with an API key it is of the default account."""
    assert ask("putItem", PUT)["accountId"] == "default"
    assert ask("getItem", {"id": "a"})["createdAt"] == "2024-01-19T14:37:23Z"
    assert [item["id"] for item in ask("listItems")["items"]] == ["a"]
    assert ask("deleteItem", {"input": {"id": "a"}})["id"] == "a"
    assert ask("getItem", {"id": "a"}) is None


def test_metrics_over_appsync() -> None:
    """Written, read and listed; the row's version is the later one's."""
    given = {"compositeKey": "items#2024-01-19T14:00:00Z#60", "count": 3}
    assert ask("createAggregatedMetrics", {"input": given})["count"] == 3
    old = {**given, "count": 1, "updatedAt": "2024-01-19T15:00:00Z"}
    assert ask("updateAggregatedMetrics", {"input": old})["count"] == 3
    (row,) = ask("listAggregatedMetrics")["items"]
    assert row["compositeKey"] == given["compositeKey"]


def test_the_account_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may name it."""
    monkeypatch.setenv("TALLYBROOK_GRAPHQL_ACCOUNT", "acme")
    assert ask("putItem", PUT)["accountId"] == "acme"
    with pytest.raises(ForbiddenError):
        ask("listItems", {"accountId": "rival"})


def test_the_account_of_an_authorizer() -> None:
    """An authorizer's context names account and scopes; what it does not allow is refused."""
    writer, reader = caller("acme", "write"), caller("acme", "read query")
    assert ask("putItem", PUT, writer)["accountId"] == "acme"
    assert ask("getItem", {"id": "a"}, reader)["id"] == "a"
    with pytest.raises(ForbiddenError):
        ask("putItem", PUT, reader)
    with pytest.raises(ForbiddenError):
        ask("getItem", {"id": "a"}, writer)
    assert ask("getItem", {"id": "a"}, caller("rival", "read")) is None


def test_what_is_refused() -> None:
    """An unknown field and a wrong argument are errors of the field."""
    with pytest.raises(NotFoundError):
        ask("dropEverything")
    with pytest.raises(InvalidError):
        ask("getAggregatedMetrics", {"compositeKey": "items"})
