"""Athena's cells, which are all text → values as the port has them."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tallybrook.ports.sql import ResultColumn
from tallybrook.sql.athena import is_nested
from tallybrook.sql.values import Cells

_MICROSECONDS = 26
"""Characters of a timestamp down to the microsecond."""


def columns_of(told: Sequence[dict[str, Any]]) -> list[ResultColumn]:
    """From ``ColumnInfo``. Athena calls ``real`` float."""
    return [
        ResultColumn(str(c["Name"]), "real" if c["Type"] == "float" else str(c["Type"]))
        for c in told
    ]


class Texts:
    """Reads the rows of one answer. Nested columns are JSON text (``sql.athena.as_json``)."""

    def __init__(self, columns: Sequence[ResultColumn]) -> None:
        self._readers = [_reader(column.type.lower()) for column in columns]
        self._cells = Cells()

    @property
    def lost_numbers(self) -> bool:
        """Whether NaN or infinity became null."""
        return self._cells.lost_numbers

    def row(self, data: Sequence[dict[str, str]]) -> list[Any]:
        """One of ``Rows``; a cell without a text is null."""
        texts = (cell.get("VarCharValue") for cell in data)
        return self._cells.row(
            [
                None if text is None else read(text)
                for read, text in zip(self._readers, texts, strict=True)
            ]
        )


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
