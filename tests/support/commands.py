"""Running the command line as a user does: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple

from tests.support import forked

ARGV = [sys.executable, "-m", "tallybrook.entrypoints.cli"]


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def clean_env(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without settings of the product or proxies, so that no test sees them."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TALLYBROOK_") and not name.lower().endswith("_proxy")
    }
    return kept | {"COLUMNS": "120"} | dict(more or {})


def tallybrook(
    *args: str, stdin: str | bytes = b"", env: Mapping[str, str] | None = None, within_s: float = 60
) -> Ran:
    """Run ``tallybrook ARGS`` to its end, in a process of its own that need not load anything."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    done = forked.run(args, given, clean_env(env), within_s)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def start_cli(*args: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """Start ``tallybrook ARGS`` with its output in pipes; the caller ends it."""
    return subprocess.Popen(
        [*ARGV, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_env(env),
    )
