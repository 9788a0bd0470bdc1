"""The packaged data and what the demo makes of it."""

import gzip
import json
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from tallybrook.demo.history import Request, history_batches, history_records
from tallybrook.demo.live import step
from tallybrook.demo.rows import DemoData, flights, shop
from tallybrook.errors import TerminalError
from tallybrook.events.batches import Rejection, read_ndjson
from tallybrook.events.instants import parse_instant
from tallybrook.events.operations import read_operation
from tallybrook.events.reading import read_event

NOW_US = 1_795_000_000_000_000


@pytest.fixture(scope="module")
def sets() -> tuple[DemoData, DemoData]:
    return shop(), flights()


def steps(sets: tuple[DemoData, DemoData], count: int) -> list[Request]:
    return [request for n in range(count) for request in step(n, *sets, NOW_US)]


def test_the_package_is_small_and_carries_its_notice() -> None:
    """Under 2 MB, and both files are named with their licences."""
    data = files("tallybrook.demo.data")
    names = [item.name for item in data.iterdir() if item.name.endswith(".gz")]
    notice = data.joinpath("NOTICE.md").read_text()
    assert all(name in notice for name in names)
    assert "Apache-2.0" in notice
    assert "CC0" in notice
    assert sum(len(data.joinpath(name).read_bytes()) for name in names) < 2_000_000


def test_every_row_of_the_files_is_used(sets: tuple[DemoData, DemoData]) -> None:
    """History and live together are the whole data, in the order of its times."""
    for name, part in zip(("shop_events", "flights"), sets, strict=True):
        packed = files("tallybrook.demo.data").joinpath(f"{name}.csv.gz").read_bytes()
        rows = [*part.history, *part.live]
        assert len(rows) == gzip.decompress(packed).count(b"\n") - 1
        assert [row.instant_us for row in rows] == sorted(row.instant_us for row in rows)
        assert len({row.name for row in rows}) == len(rows)


def test_the_history_is_valid_and_ends_at_the_anchor(sets: tuple[DemoData, DemoData]) -> None:
    """Nothing of it would be rejected, ids are distinct, and nothing lies in the future."""
    ids: set[str] = set()
    latest = 0
    for count, request in history_batches(list(sets), NOW_US):
        events = read_ndjson(request.body, "demo", NOW_US)
        assert not any(isinstance(event, Rejection) for event in events)
        assert len(events) == count
        for event in events:
            assert not isinstance(event, Rejection)
            ids.add(event.event_id)
            latest = max(latest, event.timestamp)
    assert len(ids) == sum(len(part.history) for part in sets)
    assert latest == NOW_US


def test_the_history_is_the_same_in_every_run(sets: tuple[DemoData, DemoData]) -> None:
    """So that loading it twice counts once."""
    first = [request.body for _, request in history_batches(list(sets), NOW_US)]
    assert first == [request.body for _, request in history_batches([shop(), flights()], NOW_US)]


def test_the_history_has_records_with_instants(sets: tuple[DemoData, DemoData]) -> None:
    """Record counters have a past too."""
    records = json.loads(history_records(sets[0], NOW_US).body)["records"]
    assert len(records) > 100
    assert all((parse_instant(record["createdAt"]) or 0) <= NOW_US for record in records)


def test_live_steps_move_every_panel(sets: tuple[DemoData, DemoData]) -> None:
    """Single events, operations, records put and deleted, duplicates, and some that are wrong."""
    seen = Counter((request.method, request.path.split("/")[1]) for request in steps(sets, 400))
    assert set(seen) == {("POST", "events"), ("POST", "ingest"), ("PUT", "records"),
                         ("DELETE", "records")}  # fmt: skip
    kinds = {body["event_type"] for body in bodies(sets, 400)}
    assert len(kinds) > 10
    paths = {
        request.path.split("/")[2] for request in steps(sets, 400) if "records" in request.path
    }
    assert paths == {"items", "tasks"}


def bodies(sets: tuple[DemoData, DemoData], count: int) -> list[dict[str, Any]]:
    return [
        json.loads(request.body)
        for request in steps(sets, count)
        if request.path in ("/events", "/ingest")
    ]


def test_live_mistakes_are_few_and_each_kind_is_rejected(sets: tuple[DemoData, DemoData]) -> None:
    """Only the lines meant to be wrong are wrong: one in each batch, the other goes in."""
    batches = [r for r in steps(sets, 1000) if r.path == "/events/batch"]
    reasons = set()
    for request in batches:
        good, bad = read_ndjson(request.body, "demo", NOW_US)
        assert not isinstance(good, Rejection)
        assert isinstance(bad, Rejection)
        reasons.add(str(bad.error.errors[:1] or bad.error.detail))
    assert 5 < len(batches) < 50
    assert len(reasons) == 5
    assert_readable([r for r in steps(sets, 1000) if r.path in ("/events", "/ingest")])


def assert_readable(requests: list[Request]) -> None:
    for request in requests:
        read = read_event if request.path == "/events" else read_operation
        try:
            read(request.body, "demo", NOW_US)
        except TerminalError as error:
            raise AssertionError(f"{request.body!r}: {error} {error.errors}") from error


def test_live_goes_round_and_every_step_has_its_own_id(sets: tuple[DemoData, DemoData]) -> None:
    """After the last row comes the first again, as a new event."""
    last = 3 * len(sets[0].live)
    ids = [body["event_id"] for n in (0, 1, last, last + 1) for body in step_bodies(sets, n)]
    assert len(set(ids)) == len({0, 1, last, last + 1})


def step_bodies(sets: tuple[DemoData, DemoData], n: int) -> list[dict[str, Any]]:
    return [
        json.loads(request.body.split(b"\n")[0])
        for request in step(n, *sets, NOW_US)
        if request.path in ("/events", "/ingest", "/events/batch")
    ]
