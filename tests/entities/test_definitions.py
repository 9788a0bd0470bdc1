"""Definitions: what is wrong is named with its line and key; another domain needs no code."""

from pathlib import Path

import pytest

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import built_in, load, parse
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import one
from tallybrook.errors import UsageError
from tallybrook.events.instants import DAY_US, HOUR_US
from tests.entities.world import NOW_US, Listening, MemoryState, event, take

GOOD = """name = "shop"
[[entities]]
type = "buyer"
id = ["buyer"]
[[entities.facts]]
name = "order"
events = ["bought"]
fields = [{ name = "total" }]
[[entities.metrics]]
name = "orders_{days}d"
kind = "count"
of = "order"
days = [7]
[[alerts]]
name = "many"
entity = "buyer"
metric = "orders_7d"
op = ">="
levels = [{ severity = "info", value = 2 }]
"""


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('type = "buyer"', 'type = "bu yer"', "line 3: entities.0.type"),
        ('id = ["buyer"]', "id = 3", "line 4: entities.0.id"),
        ('kind = "count"', 'kind = "sum"', "line 11: entities.0.metrics.0.kind"),
        ('of = "order"', 'of = "orders"', "line 12: entities.0.metrics.0.of"),
        ("days = [7]", "days = [38]", "line 13: entities.0.metrics.0.days"),
        ("days = [7]", "dyas = [7]", "line 13: entities.0.metrics.0.dyas"),
        ('entity = "buyer"', 'entity = "seller"', "line 16: alerts.0.entity"),
        ("orders_7d", "orders_9d", "line 17: alerts.0.metric"),
        ('op = ">="', 'op = "=>"', "line 18: alerts.0.op"),
        ("value = 2 }", "value = [] }", "line 19: alerts.0.levels.0.value"),
        ('name = "shop"', 'name = "shop"\nremember_days = 3', "line 2: remember_days"),
        ('name = "shop"', "name = shop", "line 1"),
        ('op = ">="', 'op = ">="\nmessage = "{x}"', "line 19: alerts.0.message"),
        ('metric = "orders_7d"\n', "", "line 14: alerts.0"),
    ],
)
def test_says_where(old: str, new: str, where: str) -> None:
    """Every fault names the file, the line and the key."""
    assert parse(GOOD, "shop.toml").name == "shop"
    with pytest.raises(UsageError) as caught:
        parse(GOOD.replace(old, new), "shop.toml")
    assert caught.value.detail.startswith("shop.toml")
    assert where in caught.value.detail


def test_file_of_ones_own(tmp_path: Path) -> None:
    """A path works like a name; a name nobody knows tells those there are."""
    (tmp_path / "shop.toml").write_text(GOOD)
    assert load(str(tmp_path / "shop.toml")).name == "shop"
    with pytest.raises(UsageError, match="built in are flights, tutoring"):
        load("nothing")
    assert built_in() == ["flights", "tutoring"]


def test_flights() -> None:
    """Airlines and airports: flights, cancellations, mean delay, and an alert on delay."""
    state, bus, catalog = MemoryState(), Listening(), Catalog(load("flights"))
    events = [
        event(
            "flight_departed", {"carrier": "UA", "origin": "EWR", "dep_delay": 10 + 2 * n},
            NOW_US - 8 * DAY_US + n * HOUR_US, id=f"f{n}",
        )
        for n in range(30)
    ]  # fmt: skip
    gone = event("flight_cancelled", {"carrier": "UA", "origin": "JFK"}, id="c")
    take(state, catalog, [*events, gone], NOW_US, bus)
    found = one(state, catalog, Entity("acme", "airline", "UA"), NOW_US).metrics
    assert found["flights_30d"] == 31
    assert found["flights_7d"] == 6
    assert found["cancellations_7d"] == 1
    assert found["delay_30d_min"] == 39
    assert found["departures_30d"] == 30
    # While the first, least late departures age out, the mean of the rest rises on.
    assert sorted((n.kind, n.data["severity"]) for n in bus.notices) == [
        ("airline_delays", "critical"), ("airline_delays", "warning"),
        ("airport_delays", "critical"), ("airport_delays", "warning"),
    ]  # fmt: skip


def test_the_example_of_the_page() -> None:
    """What the page shows can be used as it stands."""
    page = Path(__file__).parents[2] / "docs" / "concepts" / "entities.md"
    example = page.read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    assert parse(example, "the page").entities[0].type == "buyer"
