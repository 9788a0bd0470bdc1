"""How small and how flat: figures that must not slip."""

import random
import resource
from pathlib import Path
from typing import Any

from tallybrook.lake.consumer import LakeConsumer
from tallybrook.ports.lake.local import LocalLake
from tallybrook.ports.log import Chunk

CARRIERS = ("UA", "AA", "DL", "B6", "EV", "MQ")
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def shop_like(make_line: Any, seq: int, rng: random.Random) -> bytes:
    """An event as products send them: a ULID, a user, a session, a handful of properties."""
    return make_line(
        seq,
        event_id="01K" + "".join(rng.choices(LETTERS, k=23)),
        event_type=rng.choice(("view", "click", "cart", "buy")),
        user_id=f"user_{rng.randrange(600):04}",
        session_id=f"sess_{seq // 9:06}",
        properties=(
            b'{"carrier":"%s","flight":%d,"delay":%d,"distance":%d,"platform":"desktop"}'
            % (rng.choice(CARRIERS).encode(), *(rng.randrange(n) for n in (2_000, 120, 2_500)))
        ),
    )


def test_at_most_60_bytes_an_event_and_flat_memory(tmp_path: Path, make_line: Any) -> None:
    """≤ 60 B an event after compaction, and ten flushes take no more memory than two."""
    rng = random.Random(7)
    store = LocalLake(tmp_path)
    lake = LakeConsumer(store, lambda record: None, now_us=lambda: 1 << 60)
    peaks = []
    for flush in range(10):
        first = 1 + flush * 10_000
        lines = [shop_like(make_line, first + n, rng) + b"\n" for n in range(10_000)]
        lake.handle([Chunk(first, 10_000, 0, b"".join(lines))])
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    lake.idle()
    files = store.snapshot("acme").files
    assert sum(f.rows for f in files) == 100_000
    assert sum(f.bytes for f in files) / 100_000 <= 60
    assert peaks[-1] - peaks[1] < 64 * 1024
    lake.close()
