"""The command: what it writes, offline and without an account, and how it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import StackSettings
from tallybrook.errors import UsageError


def infra(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it with no account, no Node on the path, and every way out of the machine closed."""
    bare = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "JSII_", "CURRENT_MRR"))
    }
    closed = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:1")
    return subprocess.run(
        [sys.executable, "-m", "infra", *arguments],
        env=bare | closed | {"PATH": "/nonexistent", **environment},
        capture_output=True, text=True, timeout=180,
    )  # fmt: skip


def test_synth_works_offline_and_says_nothing_else(tmp_path: Path) -> None:
    """It writes the template and prints its path; no warning, no banner."""
    done = infra("synth", "--out", str(tmp_path), "--stack", "acme", CURRENT_MRR="5000")
    assert done.returncode == 0, done.stderr
    template = tmp_path / "acme.template.json"
    assert (done.stdout, done.stderr) == (f"{template}\n", "")
    outputs = json.loads(template.read_bytes())["Outputs"]
    assert outputs["Tier"]["Value"] == "5000"
    assert outputs["TablesPrefix"]["Value"] == "acme-"


@pytest.mark.parametrize(
    ("arguments", "environment", "reason"),
    [
        (("synth",), {"CURRENT_MRR": "plenty"}, "CURRENT_MRR is not a number"),
        (("synth", "--mrr=-1"), {}, "must be zero or more"),
        (("synth", "--stack", "Not A Name"), {}, "stack"),
    ],
)
def test_a_bad_choice_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], environment: dict[str, str], reason: str
) -> None:
    """What cannot be used is refused before anything is made."""
    done = infra(*arguments, **environment)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_record_types_that_are_declared_belong_to_the_stack() -> None:
    """They come after the built-in ones; a name that cannot be one is refused."""
    assert StackSettings(mrr_usd=0, record_types="orders").types[-1] == "orders"
    with pytest.raises(UsageError):
        StackSettings(mrr_usd=0, stack="9lives")
