"""What every store of usage promises (``tallybrook.ports.usage``)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tallybrook.errors import InvalidError
from tallybrook.ports.aws.tables import USAGE
from tallybrook.ports.usage import MAX_BATCH, Usage, UsageStore
from tallybrook.ports.usage.aws import DynamoUsage
from tallybrook.ports.usage.local import SqliteUsage
from tests.support.emulator import make_tables


@pytest.fixture(params=["local", "aws"])
def usage(request: pytest.FixtureRequest, tmp_path: Path) -> UsageStore:
    if request.param == "local":
        return SqliteUsage(tmp_path / "usage.db")
    stack: str = request.getfixturevalue("stack")
    make_tables(stack, (USAGE,))
    return DynamoUsage(stack)


def row(quantity: float, day: str = "2026-03-04", account: str = "a", meter: str = "m") -> Usage:
    return Usage(day, account, "http", meter, quantity)


def test_quantities_add_up(usage: UsageStore) -> None:
    """Of one key, whoever adds them at once; fractions, too; a zero is nothing."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: usage.add([row(1.5), row(0.1, meter="n")]), range(20)))
    usage.add([row(0, meter="zero")])
    found = {one.meter: one.quantity for one in usage.between("2026-03-04", "2026-03-04")}
    assert found == {"m": pytest.approx(30), "n": pytest.approx(2)}


def test_a_batch_is_added_once(usage: UsageStore) -> None:
    """However often it is sent; without an id twice is twice."""
    assert usage.add([row(2), row(3, meter="n")], "batch-1") is True
    assert usage.add([row(2), row(3, meter="n")], "batch-1") is False
    usage.add([row(1)])
    usage.add([row(1)])
    assert sum(one.quantity for one in usage.between("2026-03-04", "2026-03-04")) == 7
    with pytest.raises(InvalidError):
        usage.add([row(1, meter=f"m{n}") for n in range(MAX_BATCH + 1)], "batch-2")


def test_days_and_accounts_are_told_apart(usage: UsageStore) -> None:
    """Rows come in the order of day, account, function, meter, and of the account asked for."""
    usage.add([row(1, "2026-03-05", "b"), row(2, "2026-03-04", "b"), row(3, "2026-03-04", "ab")])
    usage.add([row(4, "2026-03-06", "a")])
    found = usage.between("2026-03-04", "2026-03-05")
    assert [(one.day, one.account_id) for one in found] == [
        ("2026-03-04", "ab"), ("2026-03-04", "b"), ("2026-03-05", "b"),
    ]  # fmt: skip
    assert [one.quantity for one in usage.between("2026-03-01", "2026-03-31", "a")] == [4]
    assert usage.between("2026-04-01", "2026-04-02") == []
