"""What a scan costs: bytes of the touched columns in the files that cannot be left out."""

from collections.abc import Iterable, Mapping
from datetime import date

from tallybrook.costs.prices import prices
from tallybrook.costs.queries import query_cost
from tallybrook.ports.lake import DataFile
from tallybrook.sql.pruning import Bound, Either, Need, Side

DAY_US = 86_400_000_000
EPOCH = date(1970, 1, 1)
FIRST_US, LAST_US = -(1 << 63), (1 << 63) - 1


def usd(scanned_bytes: int) -> float:
    """Athena's price: by the megabyte, with a minimum a query."""
    return query_cost(scanned_bytes, prices())


def scanned_bytes(files: Iterable[DataFile], columns: frozenset[str]) -> int:
    """Compressed bytes of some columns of some files; partition columns cost nothing."""
    return sum(file.column_bytes.get(name, 0) for file in files for name in columns)


Instants = Mapping[Bound, int | None]
"""The value of each bound in microseconds; None where it has none (NULL, out of range)."""


def select_files(files: Iterable[DataFile], need: Need, instants: Instants) -> list[DataFile]:
    """The files that may hold a row the statement asks for."""
    return [file for file in files if _may_hold(file, need, instants)]


def _may_hold(file: DataFile, need: Need, instants: Instants) -> bool:
    return all(_part_may_hold(file, part, instants) for part in need)


def _part_may_hold(file: DataFile, part: Bound | Either, instants: Instants) -> bool:
    if isinstance(part, Either):
        return any(_may_hold(file, branch, instants) for branch in part.branches)
    instant = instants.get(part)
    return instant is None or _meets(file, part.side, instant)


def _meets(file: DataFile, side: Side, instant: int) -> bool:
    first, last = _span(file)
    if side == "lower":
        return last >= instant
    if side == "upper":
        return first <= instant
    day = instant // DAY_US * DAY_US
    return last >= day if side == "lower_day" else first < day + DAY_US


def _span(file: DataFile) -> tuple[int, int]:
    """The first and last instant that a row can be of: by its times, else by its day."""
    if file.min_us or file.max_us:
        return file.min_us, file.max_us
    day = file.values.get("date")
    if day is None:
        return FIRST_US, LAST_US
    start = (date.fromisoformat(day.replace("/", "-")) - EPOCH).days * DAY_US
    return start, start + DAY_US - 1


def bounds(need: Need) -> list[Bound]:
    """Every bound of a need, each once."""
    found: dict[Bound, None] = {}
    for part in need:
        inner = [part] if isinstance(part, Bound) else [b for n in part.branches for b in bounds(n)]
        found.update(dict.fromkeys(inner))
    return list(found)
