"""``tallybrook ingest``: every row goes in once or is named, and the numbers add up."""

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import Remote
from tests.support import tallybrook

SUMMARY = re.compile(
    r"^(\d+) received = (\d+) accepted \+ (\d+) duplicate \+ (\d+) rejected$", re.MULTILINE
)


def totals(err: str) -> list[int]:
    """received, accepted, duplicate, rejected; checked to add up."""
    found = SUMMARY.search(err)
    assert found, err
    numbers = [int(text) for text in found.groups()]
    assert numbers[0] == sum(numbers[1:])
    return numbers


def csv_file(tmp_path: Path, event_type: str, rows: int) -> Path:
    path = tmp_path / f"{event_type}.csv"
    lines = [f"{event_type},2026-01-31 09:{n // 60:02}:{n % 60:02},u{n},{n}" for n in range(rows)]
    path.write_text("\n".join(["event,when,who,n", *lines]) + "\n")
    return path


MAPS = ("--map", "event_type=event", "--map", "timestamp=when", "--map", "user_id=who")


def test_a_csv_file_sent_twice_counts_once(remote: Remote, tmp_path: Path) -> None:
    """Rows without ids get the same ones in every run, also from another place and gzipped."""
    path = csv_file(tmp_path, "csv_twice", 1234)
    first = remote("ingest", str(path), *MAPS)
    assert (first.code, totals(first.err)) == (0, [1234, 1234, 0, 0])
    packed = gzip.compress(path.read_bytes())
    again = remote("ingest", "-", *MAPS, "--batch", "77", stdin=packed)
    assert (again.code, totals(again.err)) == (0, [1234, 0, 1234, 0])
    assert remote.count("csv_twice") == 1234


def test_mapped_rows_are_stored_as_mapped(remote: Remote, tmp_path: Path) -> None:
    """Columns that are no field become properties, with their types."""
    remote("ingest", str(csv_file(tmp_path, "csv_mapped", 1)), *MAPS, "--set", "properties.x=true")
    (event,) = [
        event
        for event in remote.product.client.get("/users/u0/events").json()["events"]
        if event["event_type"] == "csv_mapped"
    ]
    assert event["timestamp"] == "2026-01-31T09:00:00Z"
    assert event["properties"] == {"n": 0, "x": True}


@pytest.mark.parametrize("shape", ["ndjson", "json", "events"])
def test_json_shapes_are_sent_as_they_stand(remote: Remote, tmp_path: Path, shape: str) -> None:
    """An event's own id is kept: the same events in another shape are duplicates."""
    kind = f"shape_{shape}"
    events = [{"event_type": kind, "user_id": "u", "event_id": f"{kind}-{n}"} for n in range(5)]
    bodies = {
        "ndjson": "\n".join(json.dumps(event) for event in events),
        "json": json.dumps(events, indent=2),
        "events": json.dumps({"events": events}),
    }
    path = tmp_path / f"a.{'ndjson' if shape == 'ndjson' else 'json'}"
    path.write_text(bodies[shape])
    assert totals(remote("ingest", str(path)).err) == [5, 5, 0, 0]
    again = remote("ingest", "-", stdin=bodies["ndjson"])
    assert totals(again.err) == [5, 0, 5, 0]
    assert remote.product.client.get(f"/events/{kind}-3").json()["event_type"] == kind


def test_rejected_rows_are_named_and_the_others_go_in(remote: Remote) -> None:
    """Rows the reader cannot read and rows the product refuses: both by number, exit code 1."""
    text = (
        'event_type,user_id,timestamp\nrejects,u,2026-01-01\nrejects,"open,2026-01-01\n'
        "rejects,u,yesterday\nrejects,,2026-01-01\nrejects,v,2026-01-01\n"
    )
    ran = remote("ingest", "-", "--format", "csv", stdin=text)
    assert (ran.code, totals(ran.err)) == (1, [5, 2, 0, 3])
    assert re.search(r"^row 2 \(line 3\): .*quote", ran.err, re.MULTILINE)
    assert re.search(r"^row 3 \(line 4\): .*timestamp", ran.err, re.MULTILINE)
    assert re.search(r"^row 4 \(line 5\): .*user_id", ran.err, re.MULTILINE)
    assert remote.count("rejects") == 2


def test_rejects_can_go_to_a_file(remote: Remote, tmp_path: Path) -> None:
    """A line a reject with its row, its reason and its text."""
    path = tmp_path / "rejects.ndjson"
    ran = remote("ingest", "-", "--rejects", str(path), stdin='{"event_type":"x"}\nnot json\n')
    assert ran.code == 1
    rejects = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted((r["row"], r["line"], r["text"]) for r in rejects) == [
        (1, 1, '{"event_type":"x"}'),
        (2, 2, "not json"),
    ]
    assert all(reject["reason"] for reject in rejects)


def test_an_empty_file_is_nothing_and_no_error(remote: Remote) -> None:
    """Zero rows add up as well."""
    ran = remote("ingest", "-", "--format", "csv")
    assert (ran.code, totals(ran.err)) == (0, [0, 0, 0, 0])


def test_a_file_that_breaks_off_says_so_and_keeps_what_went_in(remote: Remote) -> None:
    """A truncated gzip is exit code 1 even when every row before its end was accepted."""
    line = b'{"event_type":"cut_off","user_id":"u","properties":{"n":%d}}\n'
    packed = gzip.compress(b"".join(line % n for n in range(40_000)))
    ran = remote("ingest", "-", "--format", "ndjson", stdin=packed[: len(packed) // 2])
    assert ran.code == 1
    assert "damaged" in ran.err
    received, accepted, _, _ = totals(ran.err)
    assert received == accepted == remote.count("cut_off")


def test_a_key_that_may_not_write_stops_it_at_once(remote: Remote) -> None:
    """An unknown key is one line and exit code 1, not a reject for every row."""
    ran = remote(
        "ingest", "-", stdin='{"event_type":"x","user_id":"u"}', TALLYBROOK_KEY="nobody-knows-this"
    )
    assert ran.code == 1
    assert "401" in ran.err
    assert totals(ran.err) == [0, 0, 0, 0]


class Moody(BaseHTTPRequestHandler):
    """Refuses twice (429, 503), breaks the connection once, then accepts."""

    seen: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(body)
        if len(self.seen) == 3:
            self.close_connection = True
            return
        code = {1: 429, 2: 503}.get(len(self.seen), 202)
        results = [{"index": 0, "status": "accepted", "event_id": "e"}]
        answer = json.dumps({"results": results}).encode()
        self.send_response(code)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        return


def test_a_product_that_is_busy_or_away_is_tried_again() -> None:
    """429, 503 and broken connections cost time, not events; the same bytes are sent again."""
    Moody.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        ran = tallybrook("ingest", "-", "--url", url, stdin='{"event_type":"x","user_id":"u"}')
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (ran.code, totals(ran.err)) == (0, [1, 1, 0, 0])
    assert len(Moody.seen) == 4
    assert len(set(Moody.seen)) == 1
