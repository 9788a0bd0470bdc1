"""``tallybrook lake``, as somebody who looks after the data runs it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.entrypoints.cli import main
from tallybrook.settings import Settings
from tallybrook.wiring.lake import answering
from tests.lake.product import Embedded
from tests.lake.reading import mentions


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Embedded]:
    """Two flushes of the account default, and the product not running."""
    monkeypatch.setenv("TALLYBROOK_DATA", str(tmp_path))
    opened = Embedded(tmp_path)
    for user in ("jane-17", "tom"):
        opened.append({"user_id": user, "account_id": "default"})
        opened.flush()
    opened.lake.close()
    yield opened
    opened.open()
    opened.close()


def lake(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> str:
    assert main(["lake", *args]) == code
    said = capsys.readouterr()
    return said.out if code == 0 else said.err


def test_previews_and_deeds(world: Embedded, capsys: Any) -> None:
    """Each says what it would do, changes nothing, then does it."""
    assert "events" in lake(capsys, "tables")
    assert "2 files" in lake(capsys, "compact", "--dry-run")
    assert "1 merges made" in lake(capsys, "compact")
    assert "0 merges made" in lake(capsys, "compact")
    assert "user_engagement: 1 parts would be made again" in lake(capsys, "refresh", "--dry-run")
    assert "user_engagement: 1 parts made again" in lake(capsys, "refresh")
    assert json.loads(lake(capsys, "expire", "--dry-run", "--json"))["files"] == 0
    assert "0 tables" in lake(capsys, "retention", "events=99999", "--dry-run")
    tables = json.loads(lake(capsys, "tables", "--format", "json"))
    assert {t["table"]: t["rows"] for t in tables}["user_engagement"] == 2


def test_erasing_a_user(world: Embedded, capsys: Any) -> None:
    """Their rows leave the live files; others' stay."""
    assert "events: 1 rows of 1 files" in lake(capsys, "erase-user", "jane-17")
    assert "0 rows erased" in lake(capsys, "erase-user", "jane-17")
    sql = "SELECT user_id FROM events"
    assert world.ask(sql, "default") == [["tom"]]


def test_a_running_product_does_it(world: Embedded, capsys: Any) -> None:
    """The command asks whoever writes the lake, and tells what became of it."""
    world.open()
    with answering(Settings(data=str(world.folder)), world.lake):
        assert "events: 1 rows of 1 files" in lake(capsys, "erase-user", "tom")
    world.now_us += 601_000_000
    world.lake.idle()
    assert mentions(world.folder, "tom") == []
    world.lake.close()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["retention"], "no table is named"),
        (["retention", "events=soon"], "not TABLE=DAYS"),
        (["ddl", "--table", "nothing"], "there is no table"),
    ],
)
def test_what_it_does_not_understand(
    args: list[str], said: str, world: Embedded, capsys: Any
) -> None:
    """One line and exit code 2."""
    assert said in lake(capsys, *args, code=2)


def test_the_ddl_is_for_the_stacks_bucket(capsys: Any) -> None:
    """All tables, each with its place in the bucket."""
    text = lake(capsys, "ddl", "--bucket", "acme-lake", "--database", "acme")
    assert text.count("CREATE EXTERNAL TABLE") == 6
    assert "`acme`.`ocean_scores`" in text
    assert "s3://acme-lake/lake/manifests/ocean_scores/" in text
