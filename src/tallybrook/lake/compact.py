"""Which small files to merge: pure planning.

Files of a partition are sorted into tiers by size, each tier ``FAN_IN`` times the one below. A
tier that has ``FAN_IN`` files becomes one file of the next, so a row is rewritten a few times in
its life, not at every flush. A partition that nothing was added to for a while is merged whole.
"""

from collections import defaultdict
from collections.abc import Mapping

from tallybrook.ports.lake import DataFile

FAN_IN = 8
TARGET_BYTES = 64 * 1024 * 1024
SMALLEST_TIER_BYTES = 32 * 1024
QUIET_US = 600_000_000


def plan(
    small: Mapping[str, list[DataFile]],
    now_us: int,
    *,
    fan_in: int = FAN_IN,
    target_bytes: int = TARGET_BYTES,
    quiet_us: int = QUIET_US,
) -> list[list[DataFile]]:
    """Groups of two or more files of one partition to merge, the longest groups first.

    ``small`` are the small files by folder.

    No group's bytes pass ``target_bytes``, so what a merge makes is never merged for ever.
    """
    groups: list[list[DataFile]] = []
    for files in small.values():
        quiet = max(file.added_us for file in files) <= now_us - quiet_us
        groups += _quiet(files, target_bytes) if quiet else _tiers(files, fan_in, target_bytes)
    return sorted(groups, key=len, reverse=True)


def _quiet(files: list[DataFile], target_bytes: int) -> list[list[DataFile]]:
    return [group for group in _fill(files, target_bytes) if len(group) > 1]


def _tiers(files: list[DataFile], fan_in: int, target_bytes: int) -> list[list[DataFile]]:
    tiers: dict[int, list[DataFile]] = defaultdict(list)
    for file in files:
        tiers[_tier(file.bytes, fan_in)].append(file)
    full = (tier for tier in tiers.values() if len(tier) >= fan_in)
    return [group for tier in full for group in _fill(tier, target_bytes) if len(group) > 1]


def _tier(size: int, fan_in: int) -> int:
    tier, limit = 0, SMALLEST_TIER_BYTES
    while size >= limit:
        tier, limit = tier + 1, limit * fan_in
    return tier


def _fill(files: list[DataFile], target_bytes: int) -> list[list[DataFile]]:
    """Cut into runs of at most ``target_bytes``, small ones first so that most are merged."""
    groups: list[list[DataFile]] = [[]]
    size = 0
    for file in sorted(files, key=lambda f: (f.bytes, f.path)):
        if groups[-1] and size + file.bytes > target_bytes:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += file.bytes
    return groups
