"""Retention, refreshed tables, and tasks that another process asks the writer for."""

import statistics
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.errors import StorageError, UsageError
from tallybrook.lake.asking import TASKS, answer_next, ask
from tallybrook.lake.chores import Every, Task, perform
from tallybrook.lake.retention import parse_days
from tallybrook.ports.clock import system_clock
from tallybrook.ports.state.local import SqliteState
from tallybrook.settings import Settings
from tallybrook.wiring.lake import refreshed
from tests.lake.product import DAY_US, START_US, Embedded, score_of
from tests.lake.reading import rows_on_disk
from tests.lake.scored import scored

MINUTE_US = 60_000_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Embedded]:
    opened = Embedded(tmp_path)
    yield opened
    opened.close()


def refresh(world: Embedded, **settings: Any) -> dict[str, int]:
    found = perform(world.lake.writer, Task(op="refresh"), refreshed(Settings(**settings)))
    parts: dict[str, int] = found["parts"]
    return parts


def test_what_an_engaged_user_did(world: Embedded) -> None:
    """Sessions by id, without one by half an hour of quiet, which itself starts the next; what is
    counted is the user's own doing."""
    at = [0, 29, 59, 60, 61]
    for minute in at:
        world.append({"user_id": "ann", "timestamp": START_US + minute * MINUTE_US})
    world.append(
        {"user_id": "ann", "session_id": "s1", "timestamp": START_US, "event_type": "search"},
        {"user_id": "ann", "session_id": "s1", "timestamp": START_US + 90 * MINUTE_US},
        {"anonymous_id": "ann", "timestamp": START_US},
        {"timestamp": START_US},
        score_of("ann"),
    )
    world.flush()
    refresh(world)
    assert world.ask(
        "SELECT user_id, is_known, sessions, events, event_types, page_views, active_minutes,"
        " session_s, first_at, last_at, date FROM user_engagement ORDER BY is_known"
    ) == [
        ["ann", False, 1, 1, 1, 1, 1, 0.0, *["2026-03-01T00:00:00Z"] * 2, "2026-03-01"],
        # 0 and 29 are a session, 59, 60 and 61 another, s1 the third: 29 + 2 + 90 minutes
        ["ann", True, 3, 7, 2, 6, 6, 7260.0, "2026-03-01T00:00:00Z", "2026-03-01T01:30:00Z",
         "2026-03-01"],
    ]  # fmt: skip


def test_only_what_has_changed_is_made_again(world: Embedded) -> None:
    """A day whose events are the same is left alone, merged or not; one with a new event is made
    again and replaces its rows; one whose events are gone keeps them."""
    world.append({"user_id": "a"}, {"user_id": "a", "timestamp": START_US + DAY_US})
    world.flush()
    assert refresh(world)["user_engagement"] == 2
    assert refresh(world)["user_engagement"] == 0
    world.append({"user_id": "a", "timestamp": START_US + DAY_US + 1})
    world.flush()
    assert refresh(world)["user_engagement"] == 1
    perform(world.lake.writer, Task(op="compact"))
    assert refresh(world)["user_engagement"] == 0
    found = perform(world.lake.writer, Task(op="retention", days={"events": 99}))
    assert [t["rows"] for t in found["tables"]] == [1]
    assert refresh(world)["user_engagement"] == 0
    assert world.ask("SELECT date, events FROM user_engagement ORDER BY date") == [
        ["2026-03-01", 1], ["2026-03-02", 2],
    ]  # fmt: skip


def test_benchmarks_have_k_people_or_none(world: Embedded) -> None:
    """By the latest score of each person, their numbers as worked out by hand; an industry with
    fewer people is not there, nor the next that would give it away."""
    people = {"technology": 4, "healthcare": 3, "finance": 2}
    values = []
    for industry, count in people.items():
        for n in range(count):
            who = f"{industry}-{n}"
            world.append(score_of(who, 2, industry=industry), score_of(who, 1, industry=industry))
            if industry == "technology":
                values.append(scored(who, 2, industry).scores["openness"])
    world.flush()
    assert refresh(world, min_people=3)["industry_benchmarks"] == 1
    ((industry, count, mean, std_dev, k),) = world.ask(
        "SELECT industry, people, mean, std_dev, min_people FROM industry_benchmarks"
        " WHERE domain = 'openness' AND assessment_type = 'ocean-120'"
    )
    assert (industry, count, k) == ("technology", 4, 3)
    assert mean == pytest.approx(statistics.mean(values))
    assert std_dev == pytest.approx(statistics.stdev(values))
    assert refresh(world, min_people=3)["industry_benchmarks"] == 0
    assert refresh(world, min_people=99)["industry_benchmarks"] == 1
    assert world.ask("SELECT count(*) FROM industry_benchmarks") == [[0]]


def test_retention_takes_whole_days(world: Embedded) -> None:
    """Of days before the border nothing stays, of the day at the border everything; a month that
    it runs through is cut; the preview says what goes, and other tables stay."""
    for day in (0, 1, 2):
        world.append(
            {"timestamp": START_US + day * DAY_US, "user_id": f"u{day}"},
            {
                "event_type": "cost_metrics", "timestamp": START_US + day * DAY_US,
                "properties": {"function": "f", "estimated_cost": day},
            },
        )  # fmt: skip
    world.flush()
    world.now_us = START_US + 31 * DAY_US + 5
    task = Task(op="retention", days={"events": 30, "cost_tracking": 30}, dry_run=True)
    preview = perform(world.lake.writer, task)["tables"]
    told = [(t["table"], t["before"], t["files"], t["cut"], t["rows"]) for t in preview]
    assert told == [("events", "2026-03-02", 1, 0, 2), ("cost_tracking", "2026-03-02", 1, 1, 0)]
    assert world.ask("SELECT count(*) FROM events") == [[6]]
    task.dry_run = False
    assert perform(world.lake.writer, task)["tables"] == preview
    assert world.ask("SELECT count(*), min(date) FROM events") == [[4, "2026-03-02"]]
    assert world.ask("SELECT estimated_cost_usd FROM cost_tracking ORDER BY 1") == [[1.0], [2.0]]
    assert perform(world.lake.writer, task)["tables"] == []


@pytest.mark.parametrize("text", ["events", "events=", "events=-1", "events=0", "nothing=5",
                                  "industry_benchmarks=5"])  # fmt: skip
def test_retention_says_what_it_does_not_understand(text: str) -> None:
    """A typing mistake is no licence to delete, and none to keep in silence."""
    with pytest.raises(UsageError):
        parse_days(text)


def test_compaction_is_previewed_and_rows_stay(world: Embedded) -> None:
    """Small files of every table become one a partition, as the preview says."""
    for n in range(3):
        world.append({"user_id": f"u{n}"}, score_of(f"u{n}", 1))
        world.flush()
    preview = perform(world.lake.writer, Task(op="compact", dry_run=True))["merges"]
    assert sorted(m["folder"].split("/")[0] for m in preview) == [
        "assessment_events", "events", "events", "ocean_scores",
    ]  # fmt: skip
    before = rows_on_disk(world.folder, "ocean_scores", "*")
    assert perform(world.lake.writer, Task(op="compact"))["merges"] == preview
    world.now_us += 601_000_000
    due = perform(world.lake.writer, Task(op="expire", dry_run=True))
    assert (due["files"], perform(world.lake.writer, Task(op="expire"))) == (
        12, due | {"dry_run": False},
    )  # fmt: skip
    assert rows_on_disk(world.folder, "ocean_scores", "*") == before
    assert world.ask("SELECT count(*), count(DISTINCT seq) FROM events") == [[6, 6]]


def test_a_chore_is_done_now_and_then() -> None:
    """However often it is called."""
    done: list[object] = []
    chore = Every(3600, done.append)
    for _ in range(3):
        chore("writer")  # type: ignore[arg-type]
    assert done == ["writer"]


def test_another_process_asks_the_writer(world: Embedded, tmp_path: Path) -> None:
    """It waits for what became of it; names are not left in the state; an error comes back."""
    state = SqliteState(tmp_path / "state.db", system_clock)
    writer, stop = world.lake.writer, threading.Event()

    def work() -> None:
        while not stop.wait(0.01):
            answer_next(state, lambda task: perform(writer, task))

    world.append({"user_id": "jane-17"})
    world.flush()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        task = Task(op="erase", account_id="acme", names=["jane-17"], up_to=1)
        assert ask(state, task, 30)["tables"] == {"events": {"rows": 1, "files": 1}}
        with pytest.raises(StorageError, match="not said"):
            ask(state, Task(op="erase", account_id="acme", up_to=1), 30)
    finally:
        stop.set()
        thread.join()
    assert state.query(TASKS) == []
    with pytest.raises(StorageError, match="did not answer"):
        ask(state, task, 0.0)
    state.close()
