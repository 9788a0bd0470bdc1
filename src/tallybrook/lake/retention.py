"""Retention: rows older than a table is kept go, a day at a time.

A file whose rows are all older goes; one of a month that the border runs through is written again
without them. Each table of an account is one commit.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from tallybrook.errors import InvalidError, UsageError
from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.lake.tables import TABLES, Table
from tallybrook.lake.write import rewrite_files
from tallybrook.lake.writing import Writer
from tallybrook.ports.lake import DataFile


class Passing(Struct, frozen=True):
    """What of a table of an account goes, or would. ``before`` is the first day that stays; of
    ``files``, ``cut`` are written again; ``rows`` are those of the files that go whole."""

    account_id: str
    table: str
    before: str
    files: int
    cut: int
    rows: int
    bytes: int


def parse_days(text: str) -> dict[str, int]:
    """``events=400,cost_tracking=730``: days by table. Raises ``UsageError``."""
    found: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, days = part.partition("=")
        if not days.strip().isdecimal():
            raise UsageError(f"{part!r} is not TABLE=DAYS")
        found[name.strip()] = int(days)
    try:
        require_days(found)
    except InvalidError as error:
        raise UsageError(error.detail) from None
    return found


def require_days(days: Mapping[str, int]) -> None:
    """Raise ``InvalidError`` for a table that is not there or knows no time, and for no days."""
    for name, number in days.items():
        table = TABLES.get(name)
        if table is None or not has_time(table):
            timed = ", ".join(t.name for t in TABLES.values() if has_time(t))
            raise InvalidError(f"rows of {name!r} cannot go by age; those of {timed} can")
        if number < 1:
            raise InvalidError(f"{name} is kept for at least a day")


def has_time(table: Table) -> bool:
    """Whether its rows have an age."""
    return table.time is not None or any(p.kind == "day" for p in table.partitions)


def retain(writer: Writer, days: Mapping[str, int], *, dry_run: bool = False) -> list[Passing]:
    """Let go what is older than so many whole UTC days, by table; what went, or would."""
    require_days(days)
    today_us = writer.now_us() // DAY_US * DAY_US
    passing: list[Passing] = []
    with writer.lock:
        for account_id in writer.store.accounts():
            for name, number in days.items():
                files = writer.store.snapshot(account_id).of(name)
                border_us = today_us - number * DAY_US
                old = [file for file in files if file.min_us < border_us]
                if old:
                    passing.append(_told(account_id, name, border_us, old))
                    if not dry_run:
                        _let_go(writer, old, border_us)
    return passing


def _told(account_id: str, table: str, border_us: int, old: Sequence[DataFile]) -> Passing:
    whole = [file for file in old if file.max_us < border_us]
    return Passing(
        account_id, table, format_instant(border_us)[:10], len(old), len(old) - len(whole),
        sum(file.rows for file in whole), sum(file.bytes for file in whole),
    )  # fmt: skip


def _let_go(writer: Writer, old: Sequence[DataFile], border_us: int) -> None:
    add: list[DataFile] = []
    with writer.writing("let go of old rows", add):
        for file in old:
            if file.max_us >= border_us:
                kept = f'"{TABLES[file.table].time}" >= make_timestamp({border_us})'
                add += rewrite_files(writer.engine, writer.store, [file], kept)
    writer.commit(add, old)
