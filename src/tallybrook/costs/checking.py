"""Numbers that somebody typed. Pure."""

import math

from tallybrook.costs.prices import ARCHS
from tallybrook.errors import UsageError

MIN_MEMORY_MB, MAX_MEMORY_MB = 128, 10_240


def require_amount(name: str, value: float, least: float = 0) -> None:
    """``UsageError`` unless it is a finite number of at least ``least``."""
    if not (math.isfinite(value) and value >= least):
        raise UsageError(f"{name} must be a number of {least:g} or more, not {value:g}")


def require_memory(memory_mb: float) -> None:
    """``UsageError`` for memory that Lambda does not give a function."""
    require_amount("memory_mb", memory_mb)
    if not MIN_MEMORY_MB <= memory_mb <= MAX_MEMORY_MB:
        raise UsageError(
            f"memory_mb must be from {MIN_MEMORY_MB} to {MAX_MEMORY_MB}, not {memory_mb:g}"
        )


def require_arch(arch: str) -> None:
    """``UsageError`` for a processor that Lambda does not have."""
    if arch not in ARCHS:
        raise UsageError(f"arch must be {' or '.join(ARCHS)}, not {arch!r}")
