"""The client of a foreign API, pointed to this product's own ``/graphql`` (SPEC 2)."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallybrook.counters.stream_recount import compare_window, recount_window
from tallybrook.counters.window import Window
from tallybrook.events.instants import HOUR_US, format_instant
from tallybrook.ports.graphql.client import Api
from tallybrook.ports.log import CounterKey
from tallybrook.ports.metrics.graphql import GraphqlMetrics
from tallybrook.ports.records.graphql import GraphqlRecords
from tests.counters.world import brute_force
from tests.graphql.serving import Served, serving_graphql

BASE = 1_705_672_800_000_000  # 2024-01-19T14:00:00Z
WINDOW = Window((BASE // HOUR_US - 1, BASE // HOUR_US))
PAIR = ("acme", "items")


@pytest.fixture(params=[True, False], ids=["counted-here", "counted-there"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    with serving_graphql(tmp_path, counted_here=request.param) as running:
        yield running


@pytest.fixture
def api(served: Served) -> Iterator[Api]:
    opened = Api(served.endpoint())
    yield opened
    opened.close()


def change(api: Api, dice: random.Random, truth: dict[tuple[str, str, str], int | None]) -> None:
    name = str(dice.randrange(30))
    if dice.random() < 0.2:
        text = "mutation ($i: ID!) { deleteItem(input: {id: $i}) { id } }"
        api.query(text, {"i": name})
        truth.pop((*PAIR, name), None)
        return
    at = BASE + dice.randrange(-HOUR_US, HOUR_US)
    text = "mutation ($i: PutItemInput!) { putItem(input: $i) { id } }"
    api.query(text, {"i": {"id": name, "accountId": "acme", "createdAt": format_instant(at)}})
    truth[(*PAIR, name)] = at


def test_recounted_over_its_own_api(served: Served, api: Api) -> None:
    """Whoever counts, the buckets are those of counting from scratch, and of the embedded delta:
    where the product counts itself a recount from outside changes nothing."""
    dice = random.Random(3)
    truth: dict[tuple[str, str, str], int | None] = {}
    source, sink = GraphqlRecords(api), GraphqlMetrics(api)
    for _ in range(2):
        for _ in range(25):
            change(api, dice, truth)
        recount_window(PAIR, WINDOW, source, sink)
        assert compare_window(PAIR, WINDOW, source, sink) == {}
        expected = brute_force({}, truth)
        stored: dict[CounterKey, int] = {
            (*(PAIR[0], "record", PAIR[1]), minutes, row.start_s): row.count
            for minutes in (1, 5, 15, 60)
            for row in sink.stored(*PAIR, minutes, 0, 1 << 33)
            if row.count
        }  # type: ignore[misc]
        assert stored == expected
        delta = {key: n for key, n in served.counters.everything(None) if n}
        assert delta == expected
