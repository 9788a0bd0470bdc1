"""How much the lake's writer may take in a process of a given size: pure arithmetic.

Before it holds a row it takes some 105 MiB (DuckDB, NumPy, the SDK with two clients). On top come
what DuckDB counts, about six times the log bytes of one flush, and what a merge takes beside
DuckDB's own count. Measured on events of 300 bytes, as ``VmHWM``: 203 of 256 MiB.
"""

from msgspec import Struct

_BASE_MB = 128
_MB = 1 << 20


class Room(Struct, frozen=True):
    """Arguments of ``LakeConsumer``, all in bytes but ``max_entries``."""

    memory_bytes: int
    batch_bytes: int
    target_bytes: int
    max_entries: int


def room_of(process_mb: int) -> Room:
    """For a process that may use so many MiB; under 256 it gets what 256 would."""
    memory_mb = min(256, (max(256, process_mb) - _BASE_MB) // 2)
    return Room(
        memory_bytes=memory_mb * _MB,
        batch_bytes=memory_mb * _MB // 16,
        target_bytes=min(64, memory_mb // 8) * _MB,
        max_entries=memory_mb * 160,
    )
