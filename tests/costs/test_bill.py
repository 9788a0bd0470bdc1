"""Bills: sums are those of their lines, allowances are spent once, queries have a minimum."""

import math
from decimal import Decimal

import pytest

from tallybrook.costs.bill import Use, bill
from tallybrook.costs.prices import prices
from tallybrook.costs.queries import charged_bytes, query_cost
from tallybrook.errors import UsageError
from tallybrook.sql import price

P = prices()
MIB = 2**20


def test_sums_are_those_of_the_lines_to_the_cent() -> None:
    """A thousand small lines add up as exact arithmetic adds them."""
    uses = [Use(f"line {n}", "dynamodb.write_unit", 16_000 * n + 0.1) for n in range(1, 1000)]
    found = bill(uses, P)
    exact = sum((Decimal(line.listed_usd) for line in found.lines), Decimal(0))
    assert found.listed_usd == float(exact)
    assert found.services() == {"DynamoDB": found.listed_usd}
    assert found.payable_usd == found.listed_usd


def test_an_allowance_is_spent_once() -> None:
    """Two functions share a million free requests, in the order of the lines."""
    found = bill([Use(name, "lambda.request", 600_000) for name in ("a", "b")], P)
    assert [line.listed_usd for line in found.lines] == pytest.approx([0.12, 0.12])
    assert [line.payable_usd for line in found.lines] == pytest.approx([0, 0.04])


def test_what_is_zero_has_no_line() -> None:
    """A bill of nothing is empty and costs nothing."""
    found = bill([Use("nothing", "s3.put", 0)], P)
    assert (found.lines, found.listed_usd, found.payable_usd) == ((), 0, 0)


def test_every_allowance_belongs_to_a_meter() -> None:
    """And every meter's allowance is in the table; prices are more than nothing."""
    named = {meter.allowance for meter in P.meters.values() if meter.allowance}
    assert named == P.allowances.keys()
    assert all(meter.usd > 0 for meter in P.meters.values())
    assert (P.region, len(P.as_of)) == ("us-east-1", 7)


@pytest.mark.parametrize(
    ("scanned", "charged"),
    [(0, 10 * MIB), (1, 10 * MIB), (10 * MIB, 10 * MIB), (10 * MIB + 1, 11 * MIB),
     (2**30, 2**30), (2**40, 2**40)],
)  # fmt: skip
def test_a_query_is_charged_by_the_megabyte_with_a_minimum(scanned: int, charged: int) -> None:
    """Ten megabytes at least; what the SQL endpoint names is the same number."""
    assert charged_bytes(scanned, P) == charged
    assert query_cost(scanned, P) == price.usd(scanned) == charged / 2**40 * 5


def test_the_least_and_a_terabyte() -> None:
    """$0.0000477 and $5."""
    assert round(query_cost(0, P), 7) == 0.0000477
    assert query_cost(2**40, P) == 5
    with pytest.raises(UsageError):
        query_cost(-1, P)
    with pytest.raises(UsageError):
        query_cost(math.nan, P)  # type: ignore[arg-type]
