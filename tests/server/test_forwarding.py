"""Forwarding in the product: on by a setting, shown by account, replayed from failed records."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tallybrook.entrypoints.worker.crew import run_all
from tallybrook.errors import UsageError
from tallybrook.settings import Settings
from tallybrook.wiring import open_consumers
from tallybrook.wiring.forwarding import check_forwarding
from tests.server.running import Account, Running, event, serving
from tests.support import wait_for

TALLIES = ("received", "sent", "kept", "failed", "unknown", "cut")


@contextmanager
def working(running: Running) -> Iterator[None]:
    """The worker's consumers, for as long as the block lasts."""
    stop = threading.Event()
    with open_consumers(running.data) as opened:
        forwarding = [one for one in opened.consumers if one.name == "forwarding"]
        thread = threading.Thread(
            target=run_all, args=(forwarding, opened.reader, running.data, stop)
        )
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def tallies(account: Account) -> list[int]:
    found = account.get("/forwarding")
    return [found[name] for name in TALLIES]


def test_off(account: Account) -> None:
    """It says so, with zeros."""
    found = account.get("/forwarding")
    assert (found["to"], found["position"], found["updated_at"]) == (None, 0, None)
    assert tallies(account) == [0] * 6


def test_off_costs_nothing(server: Running) -> None:
    """No consumer follows the log for it."""
    with open_consumers(server.data) as opened:
        assert "forwarding" not in [one.name for one in opened.consumers]


def test_from_the_door_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events arrive in the file under names that tell nothing of who they are of; the report adds
    up account by account; a failed record goes out once it is mended; a worker that starts anew
    sends nothing again."""
    path = tmp_path / "out" / "events.ndjson"
    monkeypatch.setenv("TALLYBROOK_FORWARD_TO", f"file:{path}")
    with serving(tmp_path / "data", forward_to=f"file:{path}") as running:
        acme, rival = running.account("acme"), running.account("rival")
        acme.send(
            event("assessment.completed", "ada", properties={"score": 0}),
            event("page_view", "ada"),
            event("assessment.started", "ada"),
        )
        poison = (
            b'{"event_type":"user.upgraded","user_id":"u","event_id":"p","properties":{"n":1e999}}'
        )
        assert acme.http.post("/events", content=poison).status_code == 202
        rival.send(event("user.registered", "ada"))
        with working(running):
            wait_for(lambda: tallies(acme)[0] == 4 and tallies(rival)[0] == 1, 20, "the report")
            assert tallies(acme) == [4, 3, 0, 1, 1, 0]
            assert tallies(rival) == [1, 1, 0, 0, 0, 0]
            assert acme.get("/forwarding")["unknown_types"] == {"page_view": 1}
            (failed,) = acme.get("/failed")["failed"]
            mended = failed["body"].replace("1e999", "1")
            replay = f"/failed/{failed['failed_id']}/replay"
            reply = acme.http.post(replay, content=mended.encode())
            assert reply.json() == {"status": "accepted", "event_id": "p"}
            assert acme.http.post(replay, content=mended.encode()).status_code == 409
            wait_for(lambda: len(lines(path)) == 5, 40, "the replayed one")
        with working(running):
            acme.send(event("report.generated", "ada"))
            wait_for(lambda: len(lines(path)) == 6, 20, "the next one")
        found = lines(path)
        assert len({one["EventId"] for one in found}) == 6
        assert len({one["EndpointId"] for one in found}) == 3
        assert b'"ada"' not in path.read_bytes()
        assert [one["EventType"] for one in found if one["AppId"] == "acme"][:3] == [
            "assessment.completed", "page_view", "assessment.started",
        ]  # fmt: skip
        assert acme.total("user.upgraded") == 1
        assert tallies(acme) == [6, 5, 0, 1, 1, 0]
        acme.close()
        rival.close()


@pytest.mark.parametrize(("begin", "expected"), [("start", 2), ("now", 1)])
def test_where_a_new_target_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: str, expected: int
) -> None:
    """With all that the log holds, or with what comes after it was set."""
    path = tmp_path / "events.ndjson"
    monkeypatch.setenv("TALLYBROOK_FORWARD_TO", f"file:{path}")
    monkeypatch.setenv("TALLYBROOK_FORWARD_FROM", begin)
    with serving(tmp_path / "data") as running:
        account = running.account("acme")
        account.send(event("before"))
        with open_consumers(running.data):
            pass  # a worker that ended before anything new came
        account.send(event("after"))
        with working(running):
            wait_for(lambda: len(lines(path)) >= expected, 20, "the events")
        assert [one["EventType"] for one in lines(path)] == ["before", "after"][-expected:]
        account.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"forward_to": "somewhere"}, "names no target"),
        ({"forward_to": "file:"}, "names no target"),
        ({"forward_to": "kinesis:a b"}, "names no target"),
        ({"forward_to": "https://"}, "no address"),
        ({"forward_to": "http://h:x/"}, "no address"),
        ({"forward_to": "http://h/", "forward_secret": "short"}, "16 characters"),
        ({"forward_to": "file:x", "forward_types": "/nowhere.toml"}, "nowhere.toml"),
        ({"forward_to": "file:x", "backend": "aws"}, "no files"),
    ],
)
def test_unusable_settings(settings: dict[str, Any], said: str) -> None:
    """They are refused at the start, with the reason."""
    with pytest.raises(UsageError, match=said):
        check_forwarding(Settings(**settings))


def test_shown_without_secrets(tmp_path: Path) -> None:
    """Nobody who may read is told the user, the password or the query of an address."""
    to = "https://user:pass@example.org:8443/in?token=t"
    with serving(tmp_path, forward_to=to) as running:
        account = running.account("acme")
        assert account.get("/forwarding")["to"] == "https://example.org:8443/in"
        account.close()
