"""Results of saved queries, and erasing somebody, over HTTP with the lake's writer beside."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tallybrook.client import Client
from tallybrook.errors import StorageError
from tallybrook.lake import asking
from tallybrook.lake.consumer import LakeConsumer
from tallybrook.lake.erasures import is_pending
from tallybrook.lake.tables import results as limits
from tallybrook.ports.lake.local import LocalLake
from tallybrook.sql import keeping, kept
from tallybrook.sql.libraries import Library
from tallybrook.sql.refreshing import Desk, Refreshed, refresh_all
from tallybrook.sql.saved import SavedQuery
from tallybrook.wiring import open_objects, open_sql, open_state
from tallybrook.wiring.lake import working_off
from tests.server.running import Account, Running, assert_problem, event, serving

OWN = """-- id: people
-- name: People
-- category: test
-- description: Who was here
-- refresh: {rhythm}
-- columns: who varchar, n bigint
SELECT user_id AS who, count(*) AS n FROM events
WHERE date >= date_add('day', -2, current_date) GROUP BY user_id ORDER BY who
"""
TODAY = datetime.now(UTC).isoformat()
HOUR_US = 3_600_000_000
ACCOUNT = "shop"


class Own(Library):
    """Without the queries that come with the product."""

    def queries(self) -> list[SavedQuery]:
        return [query for query in super().queries() if query.own]


class World:
    """A server, a directory of saved queries, and the lake's writer by hand."""

    def __init__(self, server: Running, account: Account, queries: Path) -> None:
        self.settings = server.server.settings
        self.account, self.queries = account, queries
        self.state, self.objects = open_state(self.settings), open_objects(self.settings)
        self.lake = LakeConsumer(LocalLake(self.settings.data_path), lambda _: None)
        self.reader = server.context.stores.reader
        self.now_us = server.context.clock
        self._runner = asyncio.Runner()
        self._engine = open_sql(self.settings)
        self._runner.run(self._engine.start())

    def flush(self) -> None:
        if chunks := self.reader.chunks("events", self.lake.position(), 1_000):
            self.lake.handle(chunks)

    def write(self, rhythm: str = "daily") -> None:
        (self.queries / "people.sql").write_text(OWN.format(rhythm=rhythm))

    def refresh(self, slot_us: int = 0) -> Refreshed:
        """What the clock does at an hour; the answers are handed in."""
        desk = Desk(self._engine, Own(self.queries), self.objects, partial(asking.post, self.state))
        work = refresh_all(desk, self.state, [ACCOUNT], slot_us, self.now_us())
        return self._runner.run(work)

    def work_off(self) -> int:
        """What the lake's writer does; how many tasks that were."""
        with working_off(self.settings, self.lake.writer) as next_one:
            done = 0
            while next_one():
                done += 1
        return done

    def kept(self) -> Any:
        return self.account.http.get("/queries/people/result")

    def ask(self, sql: str) -> Any:
        return self.account.http.post("/query", json={"sql": sql, "page_rows": 1})

    def close(self) -> None:
        self._runner.run(self._engine.close())
        self._runner.close()
        self.lake.close()
        self.state.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("erasing")
    (folder / "queries").mkdir()
    with (
        serving(
            folder / "data", sql=True, queries=str(folder / "queries"), query_rate=0.0
        ) as server,
        closing(server.account(ACCOUNT)) as account,
        closing(World(server, account, folder / "queries")) as world,
    ):
        yield world


@pytest.fixture
def world(running: World) -> World:
    """With events of three, two in the lake and one in the log alone, and their answer kept."""
    running.write()
    for user in ("ann", "jane"):
        running.account.send(event(user=user, timestamp=TODAY))
    running.flush()
    running.account.send(event(user="tom", timestamp=TODAY))
    assert f"{ACCOUNT}/people" in running.refresh().done
    running.work_off()
    return running


def test_the_answer_is_a_table_and_its_beginning_a_page(world: World) -> None:
    """All of it in SQL, its first rows to be read, both listed; the same again is no commit."""
    assert [row[0] for row in world.ask("SELECT who FROM results_people").json()["rows"]] == ["ann"]
    page = world.kept().json()
    assert [row[0] for row in page["rows"]] == ["ann", "jane", "tom"]
    assert (page["table"], page["metadata"]["truncated"]) == ("results_people", False)
    listed = world.account.get("/tables")["tables"]
    assert [c["name"] for t in listed for c in t["columns"] if t["name"] == "results_people"] == [
        "who", "n",
    ]  # fmt: skip
    before = world.lake.writer.store.snapshot(ACCOUNT)
    world.refresh()
    world.work_off()
    of = [file.path for file in before.of("results_people")]
    after = world.lake.writer.store.snapshot(ACCOUNT).of("results_people")
    assert [file.path for file in after] == of
    assert world.objects.page("tmp/") == []


def test_what_is_too_large_or_fails_leaves_the_old_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresh says why, and the table and the page are what they were; a longer answer than a
    page is whole in the table."""
    old = world.kept().json()
    with monkeypatch.context() as patch:
        patch.setattr(limits, "MAX_RESULT_ROWS", 2)
        assert "over 2 rows" in world.refresh().failed[f"{ACCOUNT}/people"]
    (world.queries / "people.sql").write_text(OWN.replace("count(*)", "1/0").format(rhythm="daily"))
    assert f"{ACCOUNT}/people" in world.refresh().failed
    world.work_off()
    assert world.kept().json() == old
    world.write()
    monkeypatch.setattr(keeping, "MAX_KEPT_ROWS", 2)
    world.refresh()
    world.account.send(event(user="uwe", timestamp=TODAY))
    world.refresh()
    world.work_off()
    page = world.kept().json()
    assert [len(page["rows"]), page["metadata"]["rows"]] == [2, 4]
    assert page["metadata"]["truncated"]
    assert world.ask("SELECT count(*) FROM results_people").json()["rows"] == [[4]]


def test_erasing_over_http(world: World) -> None:
    """Recorded at once and done by the lake's writer: events that can be read, rows, results, kept
    answers and pages are gone, nobody is named in what is kept of it, and the results are made
    again within the hour."""
    world.account.send(event(user="jane", event_id="first", timestamp=TODAY))
    assert world.account.get("/events/first")["user_id"] == "jane"
    pages = world.ask("SELECT user_id FROM events WHERE date >= date_add('day', -2, current_date)")
    token = pages.json()["metadata"]["next_token"]
    with Client(str(world.account.http.base_url), world.account.key) as client:
        asked = client.erase_user("jane", ["visitor/7", "ünicode"])
        assert (asked["status"], asked["names"]) == ("pending", 3)
        assert world.kept().status_code == 404
        assert world.account.get("/users/jane/events")["events"] == []
        assert world.work_off() == 1
        done = client.erasure(asked["erasure_id"])
    assert (done["status"], done["answers"]) == ("done", 1)
    assert done["tables"]["events"]["rows"] >= 1
    assert done["tables"]["results_people"]["files"] == 1
    world.account.send(event(user="jane", event_id="later", timestamp=TODAY))
    left = world.account.get("/users/jane/events")["events"]
    assert [one["event_id"] for one in left] == ["later"]
    assert_problem(world.account.http.get("/events/first"), 404)
    assert world.account.get("/events/later")["user_id"] == "jane"
    assert "jane" not in str(world.state.query(f"erasures#{ACCOUNT}"))
    assert_problem(world.kept(), 404)
    assert_problem(world.ask("SELECT * FROM results_people"), 400)
    gone = world.account.http.post("/query", json={"next_token": token})
    assert "erased since" in assert_problem(gone, 404)["detail"]
    assert f"{ACCOUNT}/people" in world.refresh(HOUR_US).done  # daily, and not its hour
    world.work_off()
    assert ["jane", 1] in world.kept().json()["rows"]  # what came of her later
    assert f"{ACCOUNT}/people" not in world.refresh(HOUR_US).done


class Killed(BaseException):
    """The end of the process."""


def test_killed_between_the_commit_and_the_kept_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is pending until whoever writes the lake next has ended it, and no kept answer is shown
    meanwhile; an error leaves it pending too."""
    world.account.http.delete("/users/ann")

    def die(*_: Any) -> int:
        raise Killed

    def refuse(*_: Any) -> int:
        raise StorageError("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(kept, "forget", die)
        with pytest.raises(Killed):
            world.work_off()
        patch.setattr(kept, "forget", refuse)
        with pytest.raises(StorageError):
            world.work_off()
    assert is_pending(world.state, ACCOUNT)
    assert kept.result_tables(world.state, ACCOUNT)
    assert_problem(world.kept(), 404)
    assert world.work_off() == 1
    assert not is_pending(world.state, ACCOUNT)
    assert_problem(world.kept(), 404)
    assert kept.result_tables(world.state, ACCOUNT) == []


def test_an_answer_from_before_is_not_taken_in_afterwards(world: World) -> None:
    """A query that ran while somebody was erased may have seen them: its answer is given up."""
    world.refresh()
    (item,) = world.state.query(asking.TASKS)
    world.state.delete(asking.TASKS, item.key)
    world.account.http.delete("/users/tom")
    world.work_off()
    world.state.put(asking.TASKS, item.key, item.value)
    world.work_off()
    assert_problem(world.kept(), 404)
    assert world.objects.page("tmp/") == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/users/%20", 422),
        ("/users/a?also=", 422),
        ("/users/a?" + "&".join(f"also=x{n}" for n in range(101)), 422),
        ("/users/a?" + "&".join(["also=x"] * 81), 422),
    ],
)
def test_whom_to_erase_has_to_be_said(world: World, path: str, status: int) -> None:
    """An id that says nobody is refused, as is a path below it, and nothing is recorded."""
    assert_problem(world.account.http.delete(path), status)
    assert not is_pending(world.state, ACCOUNT)
