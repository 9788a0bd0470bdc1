"""One event a request beside Runlight, an analytics package that also keeps all in SQLite."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench import machine, wrk
from bench.nginx import Rival, answers, ended, free_port
from bench.product import product, wait_for
from bench.row import Goal, Options, Row, Skipped, beside

_WANTED = ["runlight==0.3.*", "uvicorn", "uvloop", "httptools"]
_LUA = Path(__file__).parent.parent / "lua" / "runlight.lua"


def runlight(options: Options) -> list[Row]:
    """Both on the server's core; Runlight 0.3 on uvicorn, its rate limit off."""
    wrk.require()
    python = _installed(options.scratch / "runlight")
    ours: list[float] = []
    theirs: list[float] = []
    with _serving(python, options.scratch) as rival, product(options.scratch) as running:
        machine.pin(running.everything, [machine.SERVER_CORE])
        wrk.run(running.port, "/events", running.key, 1)
        for _ in range(options.rounds):
            stored = _rows(options.scratch)
            load = wrk.run_script(_LUA, rival.port, options.seconds)
            if _rows(options.scratch) - stored < load.requests:
                raise RuntimeError("Runlight answered more than it stored")
            theirs.append(load.per_s)
            ours.append(wrk.run(running.port, "/events", running.key, options.seconds).per_s)
    goal = Goal(15, ">=", "×")
    return [beside("one event a request, req/s", ours, "/s", "Runlight 0.3", theirs, goal)]


def _installed(folder: Path) -> Path:
    """A throwaway environment with Runlight in it; its Python. Raises ``Skipped``."""
    python = folder / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
        argv = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *_WANTED]
        subprocess.run(argv, check=True, timeout=180, capture_output=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        raise Skipped(f"Runlight cannot be installed here ({type(error).__name__})") from error
    return python


@contextmanager
def _serving(python: Path, scratch: Path) -> Iterator[Rival]:
    port = free_port()
    app_dir = str(Path(__file__).parent.parent)
    process = subprocess.Popen(
        [
            *(str(python), "-m", "uvicorn", "runlight_app:app", "--app-dir", app_dir),
            *("--port", str(port), "--loop", "uvloop", "--http", "httptools"),
            *("--no-access-log", "--no-proxy-headers", "--log-level", "error"),
        ],
        env=os.environ | {"BENCH_RUNLIGHT_DB": str(scratch / "runlight.db")},
        stdin=subprocess.DEVNULL,
    )
    with ended(process):
        wait_for(lambda: answers(port), 20, "Runlight")
        pids = machine.tree(process.pid)
        machine.pin(pids, [machine.SERVER_CORE])
        yield Rival(port, pids)


def _rows(scratch: Path) -> int:
    """Rows of its largest table: it keeps one for each event."""
    with sqlite3.connect(scratch / "runlight.db") as db, suppress(sqlite3.OperationalError):
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return max((int(_count(db, name)) for (name,) in tables), default=0)
    return 0


def _count(db: sqlite3.Connection, table: str) -> int:
    found: tuple[int] = db.execute(f'SELECT count(*) FROM "{table}"').fetchone()
    return found[0]
