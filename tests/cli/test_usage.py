"""The command line itself: help, exit codes, one line on stderr, nothing heavy for ``--help``."""

import subprocess
import sys
from pathlib import Path

import pytest

from tallybrook import __version__
from tests.support import tallybrook
from tests.support.commands import ARGV, clean_env

COMMANDS = [
    "serve", "demo", "ingest", "query", "recount", "failed", "keys", "doctor", "score", "agreement",
    "costs", "tiers", "forward",
]  # fmt: skip
HEAVY = {"duckdb", "starlette", "uvicorn", "sqlglot", "numpy", "httpx", "websockets"}


def test_help_names_every_command_and_shows_examples() -> None:
    """``--help`` is enough to begin."""
    ran = tallybrook("--help")
    assert ran.code == 0
    assert all(name in ran.out for name in COMMANDS)
    assert "Examples:" in ran.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str) -> None:
    """And none of it needs a running product."""
    ran = tallybrook(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"tallybrook {command}" in ran.out.partition("Examples:")[2]


def test_version() -> None:
    """``--version`` is the version and nothing else."""
    assert tallybrook("--version").out.strip() == __version__


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["ingest"],
        ["ingest", "nowhere.csv"],
        ["ingest", "-", "--batch", "0"],
        ["ingest", "-", "--map", "typo=x", "--format", "csv"],
        ["ingest", "-", "--format", "xml"],
        ["query", "  "],
        ["query", "SELECT 1", "--param", "novalue"],
        ["serve", "--port", "many"],
        ["serve", "--prot", "1"],
        ["failed", "replay"],
        ["failed", "replay", "x", "--all"],
        ["demo", "--speed", "0"],
        ["keys", "create", "--scope", "fly"],
    ],
)
def test_a_wrong_command_line_is_exit_code_2_and_one_line(args: list[str], tmp_path: Path) -> None:
    """Usage errors say what is wrong in one line, without a trace."""
    ran = tallybrook(*args, env={"TALLYBROOK_DATA": str(tmp_path)})
    assert ran.code == 2, ran
    said = ran.err.strip().splitlines()
    assert [line for line in said if not line.startswith("0 received")] == said[:1], said
    assert ran.err.startswith("tallybrook: ")


def test_a_product_that_is_away_is_exit_code_1_and_one_line() -> None:
    """The line says where nobody answered and what to start."""
    ran = tallybrook("failed", "list", "--url", "http://127.0.0.1:9", "--key", "k")
    assert ran.code == 1
    assert "http://127.0.0.1:9" in ran.err
    assert "serve" in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_a_trace_is_shown_only_when_asked_for() -> None:
    """``TALLYBROOK_DEBUG`` is for those who mend the program."""
    ran = tallybrook("ingest", "nowhere.csv", env={"TALLYBROOK_DEBUG": "1"})
    assert "Traceback" in ran.err


def test_help_has_colours_only_where_they_are_wanted() -> None:
    """NO_COLOR is honoured and a pipe gets none."""
    for env in ({"NO_COLOR": "1"}, {}):
        assert "\x1b[" not in tallybrook("--help", env=env).out


def test_help_loads_nothing_heavy() -> None:
    """The command line starts at once because engines and servers are loaded when used."""
    code = (
        "import sys; from tallybrook.entrypoints.cli import main; main(['--help'])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean_env(), check=True
    )
    assert not HEAVY & set(done.stderr.split())


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    """``tallybrook … | head -0`` prints no complaint about a broken pipe."""
    child = subprocess.Popen(
        [*ARGV, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_env()
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(30) in (0, 1)
