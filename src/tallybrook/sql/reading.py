"""How many bytes a statement really read: what the system counts for this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tallybrook.ports.sql import QueryMetadata

_COUNTED = Path("/proc/self/io")


@contextmanager
def reading(metadata: QueryMetadata) -> Iterator[None]:
    """Put the bytes read inside into ``read_bytes``; where the system does not count, 0."""
    before = _read_bytes()
    yield
    metadata.read_bytes = _read_bytes() - before


def _read_bytes() -> int:
    """Also what comes from the system's own memory of files."""
    try:
        text = _COUNTED.read_text()
    except OSError:
        return 0
    return int(next((line[7:] for line in text.splitlines() if line.startswith("rchar:")), "0"))
