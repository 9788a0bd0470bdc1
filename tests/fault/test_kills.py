"""SIGKILL under load, many times, and then the rows are counted."""

import os
import random
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.fault import stores
from tests.fault.client import USERS, user
from tests.fault.ledger import Ledger
from tests.fault.load import Load, asking, under_load
from tests.fault.target import Target, plan
from tests.support import tallybrook, wait_for

KILLS = int(os.environ.get("TALLYBROOK_FAULT_KILLS", "18"))
SEED = os.environ.get("TALLYBROOK_FAULT_SEED", "1")

pytestmark = pytest.mark.fault


def test_nothing_acknowledged_is_lost_or_stored_twice(tmp_path: Path) -> None:
    """However often any process is killed: log, lake, counters, records and the index of users
    hold each acknowledged event and operation exactly once, and nothing else."""
    key = f"fault-{uuid.uuid4().hex}"
    with ExitStack() as stack:
        target = Target(tmp_path, key, stack)
        with under_load(target, SEED) as load, asking(target) as answers:
            kill_at_random(target, load, random.Random(f"{SEED}/kills"))
            told = load.finish()
        assert target.kills >= KILLS
        assert told.retries > 0, "no request was ever disturbed: the kills missed"
        assert not told.faults
        assert not answers.faults
        wait_for(target.caught_up, 60, "consumers to catch up")
        check_users(target, told)
        assert target.running.stop() == 0
    check_stores(target.data, told)


def kill_at_random(target: Target, load: Load, chance: random.Random) -> None:
    """Each kill comes a random number of acknowledgements after the one before, 0 included."""
    for kind in plan(KILLS, chance):
        due = load.acknowledged + chance.choice((0, 1, 40, 400, 1500)) * chance.random()
        wait_for(lambda due=due: load.acknowledged >= due, 60, "acknowledgements under load")
        target.kill(kind)


def check_stores(data: Path, told: Ledger) -> None:
    """All of the data directory, once nobody has it open."""
    entries = stores.read_log(data)
    stores.check_events(entries, told)
    stores.check_lake(data, entries)
    stores.check_records(data, entries, told)
    stores.check_counters(data, entries)
    recount = tallybrook("recount", "--verify", "--data", str(data))
    assert recount.code == 0, recount.out + recount.err


def check_users(target: Target, told: Ledger) -> None:
    """Every user's events, through the API: the acknowledged ones of that user, each once."""
    for name in map(user, range(USERS)):
        found = list(events_of(target.running.client, name))
        expected = {key for key, event in told.events.items() if event["user_id"] == name}
        assert len(found) == len(set(found))
        assert set(found) == expected


def events_of(client: httpx.Client, name: str) -> Iterator[str]:
    """Ids of a user's events, all pages."""
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        reply = client.get(f"/users/{name}/events", params={"limit": 500, **more}).json()
        yield from (event["event_id"] for event in reply["events"])
        cursor = reply["next_cursor"]
        if cursor is None:
            return
