"""Run by the fault tests: take chunks in, and die by SIGKILL at the n-th step of the store.

``python crashing.py DATA_DIR CHUNK FLUSH``: chunks of ``CHUNK`` events up to ``TOTAL``, ``FLUSH``
chunks a call, compaction after each. For each line of its input, a number, a process is forked,
which the n-th step kills (0: never); how it ended is a line of the output. Only the modules are
loaded once: nothing is open where it forks.
"""

import os
import signal
import sys
from pathlib import Path

import msgspec

from tallybrook.lake.consumer import LakeConsumer
from tallybrook.ports.lake.local import LocalLake
from tallybrook.ports.log import Chunk

TOTAL = 240


def line(seq: int) -> bytes:
    event = {
        "seq": seq,
        "event_id": f"e{seq}",
        "event_type": "view",
        "timestamp": 1_700_000_000_000_000 + seq % 3 * 86_400_000_000,
        "ingested_at": 1_700_000_000_000_000,
        "account_id": ("acme", "beta")[seq % 2],
        "time_source": "event",
    }
    return msgspec.json.encode(event) + b"\n"


def chunk(first: int, count: int) -> Chunk:
    return Chunk(first, count, 0, b"".join(map(line, range(first, first + count))))


def main() -> None:
    data_dir, size, flush = Path(sys.argv[1]), *map(int, sys.argv[2:4])
    for asked in sys.stdin:
        pid = os.fork()
        if pid == 0:
            live(data_dir, size, flush, int(asked))
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


def live(data_dir: Path, size: int, flush: int, die_at: int) -> None:
    steps = 0

    def step(_name: str) -> None:
        nonlocal steps
        steps += 1
        if steps == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    store = LocalLake(data_dir, grace_s=0, step=step)
    lake = LakeConsumer(store, lambda record: None, now_us=lambda: 1 << 60)
    chunks = [chunk(first, min(size, TOTAL + 1 - first)) for first in range(1, TOTAL + 1, size)]
    for at in range(0, len(chunks), flush):
        lake.handle([c for c in chunks[at : at + flush] if c.last_seq > lake.position()])
        lake.idle()


if __name__ == "__main__":
    main()
