"""``tallybrook forward``: a file of events, and what a running product says."""

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Remote
from tests.support import tallybrook


def line(**fields: Any) -> str:
    return json.dumps({"event_type": "report.generated", "user_id": "ada", **fields})


def sent(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_a_file(tmp_path: Path) -> None:
    """Every line once; what is none is said, counted and makes the exit code 1. An event that does
    not name itself has the same name when it is sent again."""
    out, data = tmp_path / "out.ndjson", tmp_path / "data"
    lines = [line(event_id="a"), "{", line(event_type="page_view"), "", line(timestamp="soon")]
    args = ("forward", "-", "--to", f"file:{out}", "--data", str(data))
    ran = tallybrook(*args, stdin="\n".join(lines))
    assert ran.code == 1
    assert json.loads(ran.out) == {
        "received": 4, "sent": 2, "kept": 0, "failed": 2, "unknown": 1, "cut": 0,
        "unknown_types": {"page_view": 1},
    }  # fmt: skip
    assert "line 2" in ran.err
    assert "line 5" in ran.err
    again = tallybrook(*args, stdin=lines[2])
    assert (again.code, json.loads(again.out)["sent"]) == (0, 1)
    found = sent(out)
    assert len(found) == 3
    assert found[1]["EventId"] == found[2]["EventId"]
    assert {one["EndpointId"] for one in found} == {found[0]["EndpointId"]}


def test_a_wrong_target(tmp_path: Path) -> None:
    """It is exit code 2 and one line."""
    ran = tallybrook("forward", "-", "--to", "nowhere", "--data", str(tmp_path))
    assert ran.code == 2
    assert "names no target" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_status(remote: Remote) -> None:
    """Also where nothing is forwarded."""
    ran = remote("forward", "status")
    assert (ran.code, ran.out.splitlines()[0]) == (
        0, "forwarding is off (TALLYBROOK_FORWARD_TO)",
    )  # fmt: skip
    assert json.loads(remote("forward", "status", "--json").out)["received"] == 0
