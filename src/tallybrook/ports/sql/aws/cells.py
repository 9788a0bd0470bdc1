"""Athena's cells, which are all text → values as the port has them."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tallybrook.ports.sql import QueryFailedError, ResultColumn
from tallybrook.sql.athena import is_nested
from tallybrook.sql.values import Cells

_MICROSECONDS = 26
"""Characters of a timestamp down to the microsecond."""


def columns_of(told: Sequence[dict[str, Any]]) -> list[ResultColumn]:
    """From ``ColumnInfo``."""
    return [ResultColumn(str(column["Name"]), _type_of(column)) for column in told]


def _type_of(column: dict[str, Any]) -> str:
    """Athena calls ``real`` float, and tells the digits of a decimal apart."""
    kind = str(column["Type"])
    if kind == "decimal" and column.get("Precision"):
        return f"decimal({column['Precision']},{column.get('Scale', 0)})"
    return "real" if kind == "float" else kind


class Texts:
    """Reads the rows of one answer. Nested columns are JSON text (``sql.athena.as_json``)."""

    def __init__(self, columns: Sequence[ResultColumn]) -> None:
        self._columns = columns
        self._readers = [_reader(column.type.lower()) for column in columns]
        self._cells = Cells()

    @property
    def lost_numbers(self) -> bool:
        """Whether NaN or infinity became null."""
        return self._cells.lost_numbers

    def row(self, data: Sequence[dict[str, str]]) -> list[Any]:
        """One of ``Rows``; a cell without a text is null, an empty text is none. An empty line of a
        plan has no cells. ``QueryFailedError`` for a value that we have no form for, such as a
        timestamp past the year 9999."""
        texts = [cell.get("VarCharValue") for cell in data] or [None] * len(self._columns)
        return self._cells.row(
            [
                None if text is None else self._read(place, text)
                for place, text in zip(range(len(self._columns)), texts, strict=True)
            ]
        )

    def _read(self, place: int, text: str) -> Any:
        try:
            return self._readers[place](text)
        except (ValueError, ArithmeticError, LookupError):
            column = self._columns[place]
            raise QueryFailedError(
                f"{column.name}: {text[:40]} is no {column.type} that can be shown."
            ) from None


def _reader(kind: str) -> Callable[[str], Any]:
    if kind in ("tinyint", "smallint", "integer", "bigint"):
        return int
    if kind in ("double", "real"):
        return float
    if kind.startswith("decimal"):
        return Decimal
    if kind == "timestamp" or kind.startswith("timestamp("):
        return _zoned if kind.endswith("zone") else _instant
    named = {"boolean": _truth, "varbinary": bytes.fromhex, "timestamp with time zone": _zoned}
    return json.loads if is_nested(kind) else named.get(kind, str)


def _truth(text: str) -> bool:
    return text == "true"


def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text[:_MICROSECONDS])


def _zoned(text: str) -> dt.datetime:
    """``2024-01-31 10:11:12.123 Europe/Paris``, or with an offset, as an instant of UTC."""
    day, time, zone = text.split(" ", 2)
    if zone[0] in "+-":
        at = dt.datetime.fromisoformat(f"{day} {time[:15]}{zone}")
    else:
        # UTC, which is what nearly all are in, needs no files of zones.
        named = dt.UTC if zone == "UTC" else ZoneInfo(zone)
        at = _instant(f"{day} {time}").replace(tzinfo=named)
    return at.astimezone(dt.UTC).replace(tzinfo=None)
