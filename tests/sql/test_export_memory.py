"""Exports are flat in memory, measured from outside."""

import sys
import threading
from pathlib import Path

import pytest

from tallybrook.ports.sql import FORMATS
from tests.support import running_product
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

ROWS = 5_000_000
MAX_BYTES = 300 * 1000 * 1000
SQL = (
    "SELECT a * 5000 + b AS id, 'user_' || CAST(b % 997 AS varchar) AS user_id,"
    " date_add('second', CAST(a AS integer), timestamp '2026-01-01 00:00:00') AS at,"
    " CAST(b AS double) / 7 AS share, b % 2 = 0 AS even"
    " FROM UNNEST(sequence(1, {times})) AS x(a), UNNEST(sequence(0, 4999)) AS y(b)"
)


def resident_bytes(pid: int) -> int:
    """Of a process and its children."""
    found = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:
            continue
        if int(status.parent.name) == pid or int(lines["PPid"]) == pid:
            found += int(lines.get("VmRSS", "0 kB").split()[0]) * 1024
    return found


@pytest.mark.parametrize("form", FORMATS)
def test_millions_of_rows(tmp_path: Path, form: str) -> None:
    """The server and its query processes stay under 300 MB together."""
    with running_product(tmp_path, TALLYBROOK_QUERY_RATE="0") as product:
        server = product.pids["server"]
        most, stop = [0], threading.Event()

        def watch() -> None:
            while not stop.wait(0.05):
                most[0] = max(most[0], resident_bytes(server))

        watching = threading.Thread(target=watch)
        watching.start()
        wait_for(lambda: most[0] > 0, 10, "a first look")
        idle, size = most[0], 0
        body = {"sql": SQL.replace("{times}", str(ROWS // 5_000)), "format": form}
        try:
            with product.client.stream("POST", "/query", json=body, timeout=1_200) as reply:
                assert reply.status_code == 200, reply.read()
                for chunk in reply.iter_raw():
                    size += len(chunk)
        finally:
            stop.set()
            watching.join()
        assert f'"rows":{ROWS}' in reply.headers["x-tallybrook-metadata"]
        assert size == int(reply.headers["content-length"])
        sys.stderr.write(f"{form}: {size} bytes, idle {idle >> 20} MiB, most {most[0] >> 20} MiB\n")
        assert most[0] < MAX_BYTES
