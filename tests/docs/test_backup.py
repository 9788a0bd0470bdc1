"""What docs/guides/operating.md promises of a backup."""

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx

from tests.support import running_product, wait_for

EVENTS = [{"event_type": "sale", "user_id": "u1", "event_id": f"sale-{n}"} for n in range(50)]
SQL = "SELECT count(*) AS n FROM events WHERE date >= current_date - INTERVAL '2' DAY"


def copy_database(source: Path, target: Path) -> None:
    """SQLite's online backup, as its command line's `.backup` does it."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def lake_has(client: httpx.Client, count: int) -> bool:
    in_the_lake = [c for c in client.get("/ready").json()["consumers"] if c["name"] == "lake"]
    if not in_the_lake or in_the_lake[0]["lag"]:
        return False  # asked first: queries are limited to so many a minute
    answer = client.post("/query", json={"sql": SQL})
    return answer.status_code == 200 and bool(answer.json()["rows"] == [[count]])


def test_two_databases_copied_while_running_are_a_backup(tmp_path: Path) -> None:
    """A copy of log.db and keys.db alone restores events, counters, keys and, by itself, SQL."""
    copy = tmp_path / "copy"
    copy.mkdir()
    with running_product(tmp_path) as product:
        reply = product.client.post("/events/batch", json={"events": EVENTS}).json()
        assert reply["accepted"] == len(EVENTS)
        for name in ("log.db", "keys.db"):
            copy_database(product.data / name, copy / name)
    with running_product(tmp_path, data=copy) as restored:
        again = restored.client.post("/events/batch", json={"events": EVENTS}).json()
        assert (again["accepted"], again["duplicate"]) == (0, len(EVENTS))
        [series] = restored.client.get("/series").json()["series"]
        assert (series["series"], series["count"]) == ("sale", len(EVENTS))
        wait_for(lambda: lake_has(restored.client, len(EVENTS)), 60, "the lake to be made again")
