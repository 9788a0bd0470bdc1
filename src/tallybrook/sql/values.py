"""DuckDB's cells → what JSON can carry without loss."""

import datetime as dt
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from tallybrook.ports.sql import QueryFailedError

SAFE_INTEGER = 2**53


class Cells:
    """Turns rows of one result; remembers whether a number had to become null."""

    def __init__(self) -> None:
        self.lost_numbers = False
        self._by_type: dict[type, Callable[[Any], Any]] = {
            int: _integer,
            float: self._float,
            dt.datetime: _timestamp,
            Decimal: str,
            UUID: str,
            bytes: bytes.hex,
            list: self.row,
            tuple: self.row,
            dict: self._object,
        }

    def row(self, row: Sequence[Any]) -> list[Any]:
        return [self._cell(value) for value in row]

    def _cell(self, value: Any) -> Any:
        if value is None or value is True or value is False or type(value) is str:
            return value
        convert = self._by_type.get(type(value))
        return str(value) if convert is None else convert(value)

    def _float(self, value: float) -> float | None:
        if math.isfinite(value):
            return value
        self.lost_numbers = True
        return None

    def _object(self, value: dict[Any, Any]) -> dict[str, Any]:
        return {str(key): self._cell(item) for key, item in value.items()}


def _integer(value: int) -> int | str:
    if not -(2**63) <= value < 2**63:
        raise QueryFailedError(f"{value} is no bigint: the sum is too large.")
    return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)


def _timestamp(value: dt.datetime) -> str:
    return value.isoformat(timespec="microseconds" if value.microsecond else "seconds") + "Z"
