"""Which monthly revenue the product goes by: the environment's, else what was set for the data."""

from pathlib import Path

import msgspec

from tallybrook.costs.tiers import Tier, current_mrr_usd, tier_of
from tallybrook.errors import StorageError, UsageError

FILE = "tier.json"


class Chosen(msgspec.Struct):
    """What ``tallybrook tiers set`` keeps."""

    mrr_usd: float


def mrr_usd(data: Path | None) -> float:
    """``CURRENT_MRR`` where it is set; else what was set for the data directory; else 0."""
    given = current_mrr_usd()
    if given or data is None:
        return given
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=Chosen).mrr_usd
    except FileNotFoundError:
        return 0.0
    except (msgspec.MsgspecError, OSError) as error:
        raise UsageError(f"{data / FILE} cannot be read: {error}") from error


def set_mrr_usd(data: Path, value: float) -> Tier:
    """Keep it; the tier that it chooses. Raises ``UsageError`` unless it is zero or more."""
    tier = tier_of(value)
    try:
        data.mkdir(parents=True, exist_ok=True)
        fresh = data / (FILE + ".new")
        fresh.write_bytes(msgspec.json.encode(Chosen(value)))
        fresh.replace(data / FILE)
    except OSError as error:
        raise StorageError(f"cannot write {FILE}: {error.strerror}") from error
    return tier
