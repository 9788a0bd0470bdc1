"""The load generator wrk, on a core of its own, with bodies that are never the same."""

import shutil
import subprocess
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from bench import machine
from bench.row import Skipped

CONNECTIONS = 64
_SCRIPT = Path(__file__).parent / "lua" / "events.lua"


class Load(Struct, frozen=True):
    """What wrk saw. Times are of a closed loop: 64 connections, each with one request under way."""

    requests: int
    duration_us: int
    p50_us: int
    p99_us: int
    max_us: int
    not_2xx: int
    broken: int

    @property
    def per_s(self) -> float:
        return self.requests / self.duration_us * 1e6


def require() -> str:
    """Where wrk is. Raises ``Skipped``."""
    found = shutil.which("wrk")
    if found is None:
        raise Skipped("wrk is not installed")
    return found


def run(port: int, path: str, key: str, seconds: int, events: int = 1) -> Load:
    """Requests of ``events`` events each for some seconds; every reply must be a 2xx."""
    now_ms = str(time.time_ns() // 1_000_000)
    return run_script(_SCRIPT, port, seconds, str(events), path, key, now_ms)


def run_script(script: Path, port: int, seconds: int, *arguments: str) -> Load:
    """The same with another script, whose arguments follow."""
    done = subprocess.run(
        [
            *("taskset", "-c", str(machine.CLIENT_CORE), require(), "-t1", f"-c{CONNECTIONS}"),
            *(f"-d{seconds}s", "--timeout", "20s", "-s", str(script)),
            *(f"http://127.0.0.1:{port}", "--", *arguments),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    result = done.stdout.rpartition("RESULT ")[2]
    load = msgspec.json.decode(result, type=Load)
    if load.not_2xx or load.broken or not load.requests:
        raise RuntimeError(f"not every request was answered with a 2xx: {result}")
    return load
