"""From quantities to a bill: lines at list price, and what free allowances leave of them. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from tallybrook.costs.prices import Prices


class Use(NamedTuple):
    """So much of one meter, and what it was for."""

    what: str
    meter: str
    quantity: float


class Line(Struct, frozen=True, kw_only=True):
    """One line of a month's bill: the quantity in its unit, its list price, and what is left to
    pay where nothing else uses the account's free allowance."""

    what: str
    service: str
    quantity: float
    unit: str
    listed_usd: float
    payable_usd: float


class Bill(Struct, frozen=True):
    """Lines and their sums, which are those of the lines to the last digit."""

    lines: tuple[Line, ...]

    @property
    def listed_usd(self) -> float:
        return math.fsum(line.listed_usd for line in self.lines)

    @property
    def payable_usd(self) -> float:
        return math.fsum(line.payable_usd for line in self.lines)

    def services(self) -> dict[str, float]:
        """List price by service, the dearest first."""
        names = dict.fromkeys(line.service for line in self.lines)
        sums = {
            name: math.fsum(line.listed_usd for line in self.lines if line.service == name)
            for name in names
        }
        return dict(sorted(sums.items(), key=lambda item: -item[1]))


def bill(uses: Iterable[Use], prices: Prices) -> Bill:
    """The bill of a month's uses, in their order; what is zero is left out.

    Uses that share an allowance spend it in their order.
    """
    left = dict(prices.allowances)
    return Bill(tuple(_line(use, prices, left) for use in uses if use.quantity > 0))


def scaled(uses: Sequence[Use], factor: float) -> list[Use]:
    """The same for longer: a day's uses into a month's."""
    return [use._replace(quantity=use.quantity * factor) for use in uses]


def _line(use: Use, prices: Prices, left: dict[str, float]) -> Line:
    meter = prices.meters[use.meter]
    free = min(left[meter.allowance], use.quantity) if meter.allowance else 0.0
    if meter.allowance:
        left[meter.allowance] -= free
    return Line(
        what=use.what,
        service=meter.service,
        quantity=use.quantity,
        unit=meter.unit,
        listed_usd=use.quantity * meter.usd,
        payable_usd=(use.quantity - free) * meter.usd,
    )
