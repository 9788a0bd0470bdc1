"""``tallybrook failed``: see what failed, mend it, send it again exactly once."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Remote


def fail(remote: Remote, event: object) -> str:
    """Have the product reject an event; the id of the failed record that it keeps."""
    before = {record["failed_id"] for record in listed(remote)}
    answer = remote.product.client.post("/events/batch", json={"events": [event]})
    assert answer.json()["rejected"] == 1
    (new,) = {record["failed_id"] for record in listed(remote)} - before
    return str(new)


def listed(remote: Remote) -> list[dict[str, str]]:
    ran = remote("failed", "list", "--status", "all", "--limit", "1000", "--format", "json")
    assert ran.code == 0, ran.err
    found: list[dict[str, str]] = json.loads(ran.out)
    return found


def test_a_failed_record_is_listed_and_shown_with_its_bytes(remote: Remote) -> None:
    """The list is a table; show gives everything as JSON."""
    failed_id = fail(remote, {"event_type": "shown", "timestamp": "once upon a time"})
    assert failed_id in remote("failed", "list").out
    shown = json.loads(remote("failed", "show", failed_id).out)
    assert "once upon a time" in shown["body"]
    assert shown["status"] == "open"


def test_a_mended_record_goes_in_once(remote: Remote, tmp_path: Path) -> None:
    """The second replay of the same record is refused and counts nothing."""
    failed_id = fail(remote, {"event_type": "mended", "user_id": "u", "timestamp": "noon"})
    path = tmp_path / "mended.json"
    path.write_text('{"event_type":"mended","user_id":"u","timestamp":"2026-01-31T12:00:00Z"}')
    first = remote("failed", "replay", failed_id, "--body", str(path))
    assert first.code == 0, first.err
    assert "accepted" in first.out
    assert remote("failed", "replay", failed_id, "--body", str(path)).code == 1
    assert remote.count("mended") == 1


def test_replaying_all_leaves_what_fails_again_open(remote: Remote) -> None:
    """Exit code 1 while something is still wrong, and the line adds up."""
    failed_id = fail(remote, {"event_type": "still_bad", "user_id": "u", "timestamp": "noon"})
    ran = remote("failed", "replay", "--all")
    assert ran.code == 1
    assert f"{failed_id} failed again" in ran.err
    assert {r["failed_id"]: r["status"] for r in listed(remote)}[failed_id] == "open"


@pytest.mark.parametrize("command", ["show", "replay"])
def test_an_unknown_id_is_exit_code_1(remote: Remote, command: str) -> None:
    """One line that says so."""
    ran = remote("failed", command, "no-such-id")
    assert ran.code == 1
    assert "404" in ran.err
