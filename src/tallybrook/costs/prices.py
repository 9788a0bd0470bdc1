"""List prices at a date, in dollars: ``prices.json`` is the one table, of one region.

Stack, runtime and report read it here. What an account has free every month is beside the prices
and never inside them: list price first, then what is left to pay.
"""

from functools import cache
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct

Arch = Literal["x86_64", "arm64"]
ARCHS: tuple[Arch, ...] = ("x86_64", "arm64")


class Meter(Struct, frozen=True, forbid_unknown_fields=True):
    """What is metered, by which unit, at which price; ``allowance`` names what is free of it."""

    service: str
    unit: str
    usd: float
    allowance: str | None = None


class Prices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``as_of`` is a month; ``allowances`` are units a month and account, without an end date.

    ``query_minimum_bytes`` is what a query of the lake is charged for at least.
    """

    as_of: str
    region: str
    source: str
    query_minimum_bytes: int
    allowances: dict[str, float]
    meters: dict[str, Meter]

    def usd(self, meter: str) -> float:
        """List price of a unit. ``KeyError`` for a meter that is not in the table."""
        return self.meters[meter].usd


@cache
def prices() -> Prices:
    """The table of this release."""
    data = resources.files("tallybrook.costs").joinpath("prices.json").read_bytes()
    return msgspec.json.decode(data, type=Prices)
