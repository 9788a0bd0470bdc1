"""Erasing somebody: whole, for good, and never half for a reader."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tallybrook.errors import InvalidError
from tallybrook.lake.chores import Task, perform
from tallybrook.lake.erasing import Share, erase
from tallybrook.ports.lake.local import LocalLakeReader
from tallybrook.settings import Settings
from tallybrook.wiring.lake import refreshed
from tests.lake.product import DAY_US, START_US, Embedded, score_of
from tests.lake.reading import every_file, mentions, rows_on_disk
from tests.lake.scored import scored

GRACE_US = 601_000_000
WHO = "jane-17"


class Crash(BaseException):
    """Stands for the end of the process at a step."""


def fill(world: Embedded) -> str:
    """Jane and others over two days, her scores, some in the lake and some in the log alone; her
    pseudonym."""
    for day in range(2):
        at = START_US + day * DAY_US
        for n in range(3):
            world.append(
                {"user_id": WHO, "timestamp": at + n},
                {"anonymous_id": "visitor-3", "timestamp": at + n, "event_type": "search"},
                {"user_id": "tom", "timestamp": at + n, "session_id": "s"},
            )
        world.append(score_of(WHO, 1 + day), score_of("tom", 1 + day))
        world.flush()
    world.append({"account_id": "beta", "user_id": WHO})
    world.flush()
    perform(world.lake.writer, Task(op="refresh"), refreshed(Settings()))
    world.append({"user_id": WHO}, {"user_id": "tom"}, score_of(WHO, 3))
    return scored(WHO).anonymous_user_id


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Embedded]:
    opened = Embedded(tmp_path)
    yield opened
    opened.close()


def names(pseudonym: str) -> list[str]:
    return [WHO, "visitor-3", pseudonym]


def test_nothing_is_left_in_any_file(world: Embedded) -> None:
    """Every table, every day, raw and pseudonym: no file holds a cell with a name of theirs once
    the grace is over, and everybody else's rows are what they were."""
    pseudonym = fill(world)
    others = rows_on_disk(world.folder, "events", "seq, user_id, account_id, event_type")
    report = erase(world.lake.writer, "acme", names(pseudonym), world.reader.head())
    assert report.tables == {
        "events": Share(14, 4), "ocean_scores": Share(2, 2), "assessment_events": Share(2, 2),
        "user_engagement": Share(4, 2),
    }  # fmt: skip
    world.now_us += GRACE_US
    world.lake.idle()
    world.flush()
    for name in names(pseudonym):
        assert [p for p in mentions(world.folder, name) if "account_id=acme" in str(p)] == []
    left = rows_on_disk(world.folder, "events", "seq, user_id, account_id, event_type")
    assert [row for row in left if row in others] == [
        row
        for row in others
        if row[2] == "beta" or row[1] in ("tom", scored("tom").anonymous_user_id)
    ]
    assert {str(p).split("account_id=")[1][:4] for p in mentions(world.folder, WHO)} == {"beta"}


def test_the_log_is_not_asked_for_them_again(world: Embedded) -> None:
    """Rows that are in the log alone are gone from answers at once, and never reach a file; what
    comes of the same name later is there."""
    pseudonym = fill(world)
    mine = f"SELECT count(*) FROM events WHERE user_id IN ('{WHO}', '{pseudonym}')"
    scores = f"SELECT count(*) FROM ocean_scores WHERE anonymous_user_id = '{pseudonym}'"
    assert (world.ask(mine), world.ask(scores)) == ([[10]], [[3]])
    erase(world.lake.writer, "acme", names(pseudonym), world.reader.head())
    assert (world.ask(mine), world.ask(scores)) == ([[0]], [[0]])
    assert world.ask("SELECT count(*) FROM events WHERE user_id = 'tom'") == [[7]]
    assert world.ask(f"SELECT count(*) FROM events WHERE user_id = '{WHO}'", "beta") == [[1]]
    world.append({"user_id": WHO})
    assert world.ask(mine) == [[1]]
    world.flush()
    assert world.ask(mine) == [[1]]
    assert world.lake.writer.store.erased() == []


def test_a_snapshot_from_before_can_be_read_until_its_grace_ends(world: Embedded) -> None:
    """Who reads meanwhile sees them whole; afterwards nobody can read that snapshot any more."""
    pseudonym = fill(world)
    reader = LocalLakeReader(world.folder)
    before = reader.snapshot("acme")
    erase(world.lake.writer, "acme", names(pseudonym), world.reader.head())

    def count() -> Any:
        files = reader.locate(before.of("events"))
        with duckdb.connect() as db:
            sql = f"SELECT count(*) FROM read_parquet({files!r}) WHERE user_id = '{WHO}'"
            return db.execute(sql).fetchone()

    world.lake.idle()
    assert count() == (6,)
    world.now_us += GRACE_US
    world.lake.idle()
    with pytest.raises(duckdb.IOException):
        count()
    reader.close()


def test_twice_is_once_and_a_preview_changes_nothing(world: Embedded) -> None:
    """The same again finds nothing; a preview counts, and leaves every byte as it is."""
    pseudonym = fill(world)
    before = [hashlib.sha256(p.read_bytes()).digest() for p in every_file(world.folder)]
    head, writer = world.reader.head(), world.lake.writer
    preview = erase(writer, "acme", names(pseudonym), head, dry_run=True)
    assert [hashlib.sha256(p.read_bytes()).digest() for p in every_file(world.folder)] == before
    assert erase(writer, "acme", names(pseudonym), head) == preview
    assert erase(writer, "acme", names(pseudonym), head).tables == {}
    with pytest.raises(InvalidError):
        erase(writer, "acme", [], head)


def test_a_name_is_a_value(world: Embedded) -> None:
    """Quotes and wildcards in a name are part of it."""
    nasty = "o'neill' OR '1'='1"
    world.append({"user_id": nasty}, {"user_id": "tom"}, {"user_id": "%"})
    world.flush()
    erase(world.lake.writer, "acme", [nasty, "%"], world.reader.head())
    assert world.ask("SELECT user_id FROM events") == [["tom"]]


def test_a_crash_at_any_step_leaves_all_or_nothing(tmp_path: Path) -> None:
    """Whatever step of erasing, flushing and expiring it dies at: a reader sees all of them or
    nothing, in every table alike, and doing it again ends with nothing."""
    made = tmp_path / "made"
    made.mkdir()
    world = Embedded(made)
    pseudonym = fill(world)
    world.close()
    for die_at in range(1, 30):
        folder = tmp_path / str(die_at)
        shutil.copytree(made, folder)
        if not _crash_at(folder, pseudonym, die_at):
            break
    assert die_at > 5


def _crash_at(folder: Path, pseudonym: str, die_at: int) -> bool:
    world = Embedded(folder, step=_dying(die_at))
    head, crashed = world.reader.head(), False
    try:
        _erase(world, pseudonym, head)
    except Crash:
        crashed = True
    world.lake.close()
    world.open()
    assert _counts(world, pseudonym) in ((7, 3), (0, 0))
    _erase(world, pseudonym, head)
    assert _counts(world, pseudonym) == (0, 0)
    assert [p for p in mentions(folder, pseudonym) if "account_id=acme" in str(p)] == []
    world.close()
    return crashed


def _erase(world: Embedded, pseudonym: str, head: int) -> None:
    erase(world.lake.writer, "acme", names(pseudonym), head)
    world.flush()
    world.now_us += GRACE_US
    world.lake.idle()


def _dying(die_at: int) -> Any:
    left = die_at

    def step(_name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash

    return step


def _counts(world: Embedded, pseudonym: str) -> tuple[int, int]:
    (row,) = world.ask(
        f"SELECT (SELECT count(*) FROM events WHERE user_id = '{WHO}'),"
        f" (SELECT count(*) FROM ocean_scores WHERE anonymous_user_id = '{pseudonym}')"
    )
    return tuple(row)  # type: ignore[return-value]
