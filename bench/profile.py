"""``python -m bench profile``: where the server's time goes while it collects.

py-spy looks at the running server from outside, all threads, if it is installed. Without it the
processor time of each thread is read from the kernel, and the event loop runs under cProfile
(which sees its own thread alone and makes calls look dearer than they are).
"""

import os
import pstats
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import httpx

from bench import nginx, product, wrk

_TOP = 45
_PATHS = {1: "/events", 100: "/events/batch"}


def main(seconds: int) -> int:
    """Profile single events and batches, and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        py_spy = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        profiled = _sampled if py_spy else _traced
        for events in (1, 100):
            print(f"\n=== {events} in a request")
            profiled(Path(scratch), py_spy or "", seconds, events)
    return 0


def _sampled(scratch: Path, py_spy: str, seconds: int, events: int) -> None:
    with product.product(scratch, "--no-worker") as running:
        out = scratch / "stacks.txt"
        record = subprocess.Popen(
            [
                *(py_spy, "record", "--pid", str(running.server[0]), "--duration", str(seconds)),
                *("--gil", "--rate", "400", "--format", "raw", "--threads", "--output", str(out)),
            ],
            stdout=subprocess.DEVNULL,
        )
        load = wrk.run(running.port, _PATHS[events], running.key, seconds + 1, events)
        record.wait(30)
        print(f"{load.per_s:.0f} req/s under py-spy; share of samples, by function:")
        _shares(out.read_text().splitlines())


def _shares(stacks: list[str]) -> None:
    """Own and whole share of each function."""
    own: dict[str, int] = {}
    whole: dict[str, int] = {}
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        names = frames.split(";")
        own[names[-1]] = own.get(names[-1], 0) + int(count)
        for name in set(names):
            whole[name] = whole.get(name, 0) + int(count)
    total = sum(own.values()) or 1
    for title, shares in (("own", own), ("with what it calls", whole)):
        print(f"\n{title}:")
        for name in sorted(shares, key=lambda name: -shares[name])[:_TOP]:
            print(f"  {shares[name] / total:6.1%}  {name}")


def _traced(scratch: Path, _: str, seconds: int, events: int) -> None:
    out, port, key = scratch / f"profile-{events}", nginx.free_port(), "bench-profile-0123456789"
    _first_key(scratch / "data", key)
    argv = ["-m", "tallybrook.entrypoints.server", "--data", str(scratch / "data")]
    process = subprocess.Popen(
        [sys.executable, "-m", "cProfile", "-o", str(out), *argv, "--port", str(port)],
        env=os.environ | {"TALLYBROOK_ADMIN_KEY": key},
        stdin=subprocess.DEVNULL,
    )
    with nginx.ended(process):
        product.wait_for(lambda: _healthy(port), 30, "the server")
        before = _threads(process.pid)
        load = wrk.run(port, _PATHS[events], key, seconds, events)
        after = _threads(process.pid)
    print(f"{load.per_s:.0f} req/s under cProfile; processor µs a request, by thread:")
    for thread, ticks in sorted(after.items(), key=lambda item: -item[1]):
        used = (ticks - before.get(thread, 0)) / os.sysconf("SC_CLK_TCK")
        if used > 0:
            print(f"  {used / load.requests * 1e6:6.1f}  {thread}")
    pstats.Stats(str(out)).sort_stats(pstats.SortKey.TIME).print_stats(_TOP)


def _first_key(data: Path, key: str) -> None:
    from tallybrook.settings import Settings
    from tallybrook.wiring import open_keys

    open_keys(Settings(data=str(data))).first_key(key)


def _healthy(port: int) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    return False


def _threads(pid: int) -> dict[str, int]:
    """Processor ticks of each thread by its id; the first is the event loop's."""
    found = {}
    for stat in sorted(Path(f"/proc/{pid}/task").glob("*/stat")):
        fields = stat.read_text().rpartition(")")[2].split()
        name = "event loop" if stat.parent.name == str(pid) else f"thread {stat.parent.name}"
        found[name] = int(fields[11]) + int(fields[12])
    return found
