"""From the parameters of GET /analytics to what has to be counted."""

import pytest

from tallybrook.analytics.plan import Plan, plan
from tallybrook.errors import InvalidError
from tallybrook.events.instants import MIN_US, format_instant
from tests.counters.world import NOW_US, us

KNOWN = {"page_view", "click", "pass", "sales"}


def planned(start: str | None = None, end: str | None = None, **query: str) -> Plan:
    return plan(
        {"metric": "click"} | query,
        us(start) if start else None,
        us(end) if end else None,
        NOW_US,
        KNOWN,
    )


def test_the_last_seven_days_by_day() -> None:
    """Without a range: today and the six days before it, by day."""
    found = planned()
    assert (found.group_by, len(found.starts)) == ("1d", 7)
    assert format_instant(found.start_us) == "2024-01-13T00:00:00Z"
    assert format_instant(found.end_us) == "2024-01-20T00:00:00Z"


@pytest.mark.parametrize(
    ("metric", "event_type"),
    [
        ("page_view", "page_view"), ("page_views", "page_view"), ("clicks", "click"),
        ("pass", "pass"), ("sales", "sales"), ("unknowns", "unknowns"), ("x", "x"),
    ],
)  # fmt: skip
def test_a_plural_names_its_type(metric: str, event_type: str) -> None:
    """Where the metric itself is no known series and its singular is."""
    assert planned(metric=metric).event_type == event_type


@pytest.mark.parametrize(
    ("metric", "measure", "name"),
    [
        ("unique_users", "unique_users", None), ("sum:price", "sum", "price"),
        ("avg:cart.total", "avg", "cart.total"), ("median:x", "count", None),
    ],
)  # fmt: skip
def test_measures(metric: str, measure: str, name: str | None) -> None:
    """Distinct users, sums and means of a property; anything else is an event type."""
    found = planned(metric=metric)
    assert (found.measure, found.property_name) == (measure, name)


def test_what_counters_can_answer() -> None:
    """Unfiltered counts over whole minutes, and nothing else."""
    assert planned().countable
    assert planned("2024-01-19T14:37:00Z", "2024-01-19T14:38:00Z", group_by="1m").countable
    assert not planned("2024-01-19T14:37:00.5Z", "2024-01-19T14:38:00Z").countable
    assert not planned(user_id="u").countable
    assert not planned(metric="unique_users").countable


@pytest.mark.parametrize(
    "query",
    [
        {"metric": ""}, {"group_by": "1y"}, {"group_by": ""}, {"metric": "sum:"},
        {"metric": "sum:a b"}, {"metric": "sum:a'b"}, {"metric": "avg:$.a"}, {"color": "red"},
        {"properties.": "x"}, {"properties.a;b": "x"}, {"properties": "x"}, {"account_id": "rival"},
    ],
)  # fmt: skip
def test_refused_parameters(query: dict[str, str]) -> None:
    """Unknown groups, filters and names that are no names are refused by name."""
    with pytest.raises(InvalidError) as caught:
        planned(**query)
    assert caught.value.errors[0].pointer.startswith("/")


def test_refused_ranges() -> None:
    """Start after end; more periods than anybody reads."""
    with pytest.raises(InvalidError):
        planned("2024-01-02", "2024-01-01")
    with pytest.raises(InvalidError):
        planned("0001-01-01", "9999-12-31", group_by="1m")


@pytest.mark.parametrize("end", ["0001-01-01", "0001-01-03T12:00:00Z"])
def test_the_default_start_is_an_instant(end: str) -> None:
    """Also where seven days before the end there was no calendar."""
    assert planned(end=end).start_us == MIN_US
