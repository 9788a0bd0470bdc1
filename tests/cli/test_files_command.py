"""``tallybrook files``, and the watched folder of a running product."""

import json
from pathlib import Path
from typing import Any

import pytest

from tallybrook.entrypoints.cli.main import main
from tests.cli.conftest import Remote
from tests.support import wait_for


def events(series: str, count: int) -> str:
    return "".join(
        json.dumps({"event_type": series, "user_id": f"u{n}"}) + "\n" for n in range(count)
    )


def test_a_file_in_the_folder_is_worked_off(remote: Remote) -> None:
    """Dropped, left alone for a while, counted, put away, and listed."""
    folder = remote.product.data / "files"
    wait_for((folder / "imports").is_dir, 40, "the worker made the folders")
    file = folder / "raw/events/dropped.dat"
    file.write_text(events("dropped", 1200) + "{broken\n")
    wait_for(lambda: remote.count("dropped") == 1200, 60, "it is counted")
    wait_for(lambda: not file.exists(), 30, "it is put away")
    (one,) = json.loads(remote("files", "--json").out)
    assert (one["name"], one["status"]) == ("raw/events/dropped.dat", "done")
    assert (one["received"], one["accepted"], one["rejected"]) == (1201, 1200, 1)
    assert "raw/events/dropped.dat" in remote("files").out


def process(data: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    """The exit code of ``files process``, and what it printed."""
    code = main(["files", "process", "--data", str(data), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_processing_at_once_beside_a_product(
    remote: Remote, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows go into the log by way of the product; hidden files and outputs are let alone."""
    folder = remote.product.data / "files"
    (folder / "imports/errors").mkdir(parents=True, exist_ok=True)
    for left in (folder / "imports/errors/x", folder / "imports/.part"):
        left.write_text("x")
    assert process(remote.product.data, capsys) == (0, [])


def test_processing_without_a_product(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It writes the log itself; what was done is not done again, and a bad row is told."""
    data = tmp_path / "data"
    (data / "files/raw/events").mkdir(parents=True)
    for name, accepted, duplicate in (("a", 7, 0), ("b", 0, 7)):
        (data / "files/raw/events" / name).write_text(events("alone", 7) + "{\n")
        code, (one,) = process(data, capsys)
        assert (code, one["accepted"], one["duplicate"], one["rejected"]) == (
            1, accepted, duplicate, 1,
        )  # fmt: skip
    assert process(data, capsys) == (0, [])
