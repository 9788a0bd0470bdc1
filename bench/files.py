"""``python -m bench.files [MB]``: a long NDJSON file worked off, and the memory that it takes.

The file's process is the one measured: it reads, checks and hands over rows, as the worker does.
Another one writes them into the log, as the server does.
"""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import msgspec
from msgspec import Struct

from tallybrook.files.keeping import listed
from tallybrook.ports.clock import system_clock
from tallybrook.settings import Settings
from tallybrook.wiring import open_failed, open_product
from tallybrook.wiring.files import local_file_ports, taking_over, watch_over

KEY = "raw/events/long.ndjson"
_PADDING = 700
_MB = 1_000_000


class Measured(Struct):
    """``peak_mb`` is the largest resident size of the process that worked the file off, and
    ``before_mb`` what it had before (both in units of 2^20 bytes)."""

    file_mb: float
    rows: int
    accepted: int
    rejected: int
    seconds: float
    before_mb: float
    peak_mb: float


class Told(Struct):
    """What the child says of itself."""

    seconds: float
    before_mb: float
    peak_mb: float


def write_file(path: Path, size_mb: float) -> int:
    """A row in a thousand is broken; how many there are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = size = 0
    padding = "x" * _PADDING
    with path.open("wb") as file:
        while size < size_mb * _MB:
            row = {"event_type": "long", "user_id": f"u{rows % 5000}", "n": rows, "pad": padding}
            line = json.dumps(row).encode() if rows % 1000 else b"{broken"
            size += file.write(line + b"\n")
            rows += 1
    return rows


def measure(size_mb: float, folder: Path) -> Measured:
    """Work off a file of this size in a child process."""
    settings = Settings(data=str(folder))
    rows = write_file(folder / "files" / KEY, size_mb)
    product = open_product(settings, sql=False)
    try:
        with taking_over(settings, product.log, product.stores):
            told = _run_child(folder)
        state = product.stores.agreement().state
        (file,) = listed(state, "default", 10, None, with_names=True).files
    finally:
        product.log.close()
        product.stores.close()
        if product.shelves:
            product.shelves.close()
    return Measured(
        size_mb, rows, file.accepted, file.rejected, told.seconds, told.before_mb, told.peak_mb
    )


def _run_child(folder: Path) -> Told:
    done = subprocess.run(
        [sys.executable, "-m", "bench.files", "--child", str(folder)],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Told)


def _child(folder: Path) -> None:
    settings = Settings(data=str(folder))
    with closing(open_failed(settings)) as failed, local_file_ports(settings, failed.keep) as ports:
        watch = watch_over(settings, ports, system_clock)
        before, start = peak_mb(), time.monotonic()
        watch.look(stable_us=0)
        told = Told(time.monotonic() - start, before, peak_mb())
    sys.stdout.buffer.write(msgspec.json.encode(told))


def peak_mb() -> float:
    """The most that this process has held since its program began. ``ru_maxrss`` would remember the
    process it was forked from."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("this kernel does not tell VmHWM")


def main(argv: list[str]) -> None:
    if argv[:1] == ["--child"]:
        _child(Path(argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        found = measure(float(argv[0]) if argv else 1000.0, Path(folder))
    print(msgspec.json.format(msgspec.json.encode(found)).decode())


if __name__ == "__main__":
    main(sys.argv[1:])
