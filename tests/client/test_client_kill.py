"""A process that is killed while it tracks and sends events."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tallybrook import Client
from tests.client.road import Road
from tests.server.running import Account, Running
from tests.support import wait_for

WRITER = """
import sys
from tallybrook import Client, event_builders

client = Client(sys.argv[1], sys.argv[2], queue=sys.argv[3], flush_size=20, flush_interval_s=0.01)
for n in range(int(sys.argv[4]), 10**9):
    client.track_event(event_builders.event("ping", "writer", n=n))
    print(n, flush=True)
"""


def write_until_killed(url: str, key: str, queue: Path, first: int, most: int) -> int:
    """Track events from ``first`` on, kill -9 after ``most`` of them; the last one known of."""
    argv = [sys.executable, "-c", WRITER, url, key, str(queue), str(first)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(most):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split(b"\n")[:-1]
    return int(rest[-1]) if rest else last


def test_killed_while_away_and_while_sending(
    product: Running, account: Account, road: Road, tmp_path: Path
) -> None:
    """Killed with the server away, then killed in the middle of sending, then sent by a third
    process: every event that was tracked is counted exactly once."""
    queue = tmp_path / "queue.db"
    road.state = "closed"
    first = write_until_killed(road.url, account.key, queue, 0, 100)
    road.state = "open"
    # One more than is known of may have been tracked before the kill.
    second = write_until_killed(road.url, account.key, queue, first + 2, 300)
    assert account.total("ping") > 0
    with Client(road.url, account.key, queue=queue) as client:
        assert client.flush().waiting == 0
    wait_for(lambda: account.total("ping") >= first + 1)
    seen: list[int] = []
    cursor = {}
    while True:
        page = account.get("/users/writer/events", limit=1000, **cursor)
        seen += [event["properties"]["n"] for event in page["events"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == account.total("ping")
    expected = {*range(first + 1), *range(first + 2, second + 1)}
    assert expected <= set(seen) <= expected | {first + 1, second + 1}
