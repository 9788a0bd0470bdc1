"""GraphQL over HTTP: media types, methods, keys, limits (the protocol's own words)."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import build_client_schema, get_introspection_query

from tests.graphql.serving import Served, serving_graphql
from tests.server.running import assert_problem

LIST = "{ listAggregatedMetrics { items { count } nextToken } }"
PUT = (
    'mutation { putItem(input: {id: "a", createdAt: "2024-01-19T14:37:23Z"})'
    " { id accountId createdAt updatedAt body } }"
)
GRAPHQL_JSON = "application/graphql-response+json"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_graphql(tmp_path_factory.mktemp("graphql")) as running:
        yield running


def test_post_and_get(served: Served) -> None:
    """A query may come either way, with variables and an operation's name."""
    text = "query A($n: Int) { listItems(limit: $n) { items { id } } } query B { __typename }"
    with served.http() as http:
        posted = http.post(
            served.url, json={"query": text, "variables": {"n": 1}, "operationName": "A"}
        )
        got = http.get(
            served.url, params={"query": text, "variables": '{"n": 1}', "operationName": "A"}
        )
        named = http.get(served.url, params={"query": text, "operationName": "B"})
    assert posted.json() == got.json() == {"data": {"listItems": {"items": []}}}
    assert named.json() == {"data": {"__typename": "Query"}}


def test_media_types(served: Served) -> None:
    """The protocol's own where it is asked for, and its statuses; JSON otherwise, with 200 for
    every request that is well formed; 406 where neither will do."""
    with served.http() as http:

        def post(query: str, accept: str) -> Any:
            return http.post(served.url, json={"query": query}, headers={"accept": accept})

        for accept in (GRAPHQL_JSON, f"{GRAPHQL_JSON}, application/json;q=0.9"):
            assert post(LIST, accept).headers["content-type"].startswith(GRAPHQL_JSON)
            assert post("{ nothing }", accept).status_code == 400
            assert post("{", accept).status_code == 400
        for accept in ("application/json", "*/*"):
            reply = post("{ nothing }", accept)
            assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
            assert "data" not in reply.json()
            assert "nothing" in reply.json()["errors"][0]["message"]
        assert_problem(post(LIST, "text/html"), 406)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"query": 1}', "application/json", 400),
        (b'{"query": "{__typename}", "variables": []}', "application/json", 400),
        (b'{"query": "{__typename}", "variables": ' + b"[" * 500, "application/json", 400),
        (b"query=x", "application/x-www-form-urlencoded", 415),
        (b'{"query": "' + b"#" * (1 << 20) + b'"}', "application/json", 413),
        (b"\xff", "application/json", 400),
    ],
)
def test_what_is_no_request(served: Served, body: bytes, kind: str, status: int) -> None:
    """A problem document, as everywhere."""
    with served.http() as http:
        assert_problem(http.post(served.url, content=body, headers={"content-type": kind}), status)


def test_keys(served: Served) -> None:
    """No key 401; queries need the scope read, mutations write; each is enough for its own."""
    with served.http(scopes=["read"]) as http:
        assert_problem(http.post(served.url, json={"query": PUT}), 403)
        assert http.post(served.url, json={"query": LIST}).status_code == 200
        http.headers["x-api-key"] = "none"
        assert_problem(http.post(served.url, json={"query": LIST}), 401)
    with served.http(scopes=["write"]) as http:
        assert_problem(http.post(served.url, json={"query": LIST}), 403)
        assert "errors" not in http.post(served.url, json={"query": PUT}).json()


def test_the_rate_of_a_key(served: Served) -> None:
    """Every mutation of a request counts."""
    many = "mutation { " + " ".join(
        f'm{i}: putItem(input: {{id: "{i}"}}) {{ id }}' for i in range(20)
    ) + " }"  # fmt: skip
    with served.http(rate=5.0) as http:
        replies = [http.post(served.url, json={"query": many}) for _ in range(3)]
    assert replies[-1].status_code == 429
    assert_problem(replies[-1], 429)


def test_a_mutation_is_never_sent_by_get(served: Served) -> None:
    """405, and nothing is done."""
    with served.http() as http:
        reply = http.get(served.url, params={"query": PUT})
    assert_problem(reply, 405)
    assert "POST" in reply.headers["allow"]


def test_introspection(served: Served) -> None:
    """The standard query gives the whole schema."""
    schema = build_client_schema(served.ask(get_introspection_query())["data"])
    names = {"AggregatedMetrics", "Item", "ScoreResult", "Task", "Evaluation", "AWSDateTime"}
    assert names <= set(schema.type_map)


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { types " + "{ fields { type " * 20 + "{ name }" + " } }" * 20 + " } }",
        "{ " + " ".join(f"a{i}: __typename" for i in range(101)) + " }",
        "query { ...A ...A } fragment A on Query { ...B ...B } fragment B on Query { ...C ...C }"
        "fragment C on Query { __schema { types {" + " name" * 300 + " } } }",
        "{ ...A } fragment A on Query { ...A }",
        "{ " + "__typename " * 30_000 + " }",
        "{ a" + "{ a" * 5_000 + "}" * 5_001,
        "{ listItems(createdAt: {between: " + "[" * 5_000 + "]" * 5_000 + "}) { nextToken } }",
    ],
)
def test_hostile_queries(served: Served, query: str) -> None:
    """Too deep, too wide, fragments in fragments or in a circle: refused without work."""
    with served.http() as http:
        reply = http.post(served.url, json={"query": query})
    assert reply.status_code == 200, reply.text
    assert "data" not in reply.json()
    assert reply.json()["errors"]


def test_a_fault_of_ours_is_not_shown(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """No trace and no name of ours in an answer."""

    def broken(*_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(type(served.ports.sink), "types", broken)
    answer = served.ask(LIST)
    assert answer["errors"][0]["message"] == "internal error"
    assert answer["errors"][0]["errorType"] == "InternalFailure"
    assert "secret" not in str(answer)
