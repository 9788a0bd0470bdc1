"""What a query of the lake costs: by the byte, in whole megabytes, with a minimum. Pure."""

from tallybrook.costs.checking import require_amount
from tallybrook.costs.prices import Prices

TIB, MIB = 2**40, 2**20


def charged_bytes(scanned_bytes: int, prices: Prices) -> int:
    """Rounded up to a megabyte (2**20), and never less than the minimum."""
    require_amount("scanned_bytes", scanned_bytes)
    return max(-(-scanned_bytes // MIB) * MIB, prices.query_minimum_bytes)


def query_cost(scanned_bytes: int, prices: Prices) -> float:
    """Dollars of one query."""
    return charged_bytes(scanned_bytes, prices) / TIB * prices.usd("athena.tib")
