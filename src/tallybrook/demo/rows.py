"""The two data sets as events in the order of their times."""

import csv
import gzip
import io
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from msgspec import Struct

from tallybrook.events.instants import MINUTE_US, fast_instant, parse_instant

HISTORY_SHARE = 0.9
"""This part of each data set is loaded as history; the rest is sent live, again and again."""


class DemoRow(Struct, frozen=True):
    """One row: its place in its data set, its own instant (µs), and the event without a time."""

    name: str
    instant_us: int
    event: dict[str, Any]


class DemoData(Struct, frozen=True):
    """A data set cut in two."""

    history: list[DemoRow]
    live: list[DemoRow]

    @property
    def end_us(self) -> int:
        """The instant that is moved to the present."""
        return self.history[-1].instant_us


def shop() -> DemoData:
    """Visits to a shop: 19 event types, users, sessions."""
    return _cut([_shop_row(number, cells) for number, cells in _cells("shop_events.csv.gz")])


def flights() -> DemoData:
    """Departures from New York: ``flight_departed`` at the real minute, ``flight_cancelled``."""
    return _cut([_flight_row(number, cells) for number, cells in _cells("flights.csv.gz")])


def _cut(rows: list[DemoRow]) -> DemoData:
    rows.sort(key=lambda row: row.instant_us)
    at = int(len(rows) * HISTORY_SHARE)
    return DemoData(rows[:at], rows[at:])


def _cells(name: str) -> Iterator[tuple[int, dict[str, str]]]:
    packed = files("tallybrook.demo.data").joinpath(name).read_bytes()
    text = io.StringIO(gzip.decompress(packed).decode())
    return enumerate(csv.DictReader(text), 1)


def _shop_row(number: int, cells: dict[str, str]) -> DemoRow:
    event = {
        "event_type": cells["event"],
        "user_id": cells["user_id"],
        "session_id": cells["session_id"],
        "properties": {
            "platform": cells["platform"],
            "channel": cells["acquisition_channel"],
            "lifecycle": cells["user_lifecycle"],
        },
    }
    return DemoRow(f"shop-{number:06d}", _instant_us(cells["timestamp"]), event)


def _flight_row(number: int, cells: dict[str, str]) -> DemoRow:
    planned_us = _instant_us(cells["time_hour"]) + int(cells["minute"]) * MINUTE_US
    left = cells["dep_delay"] != "NA"
    delay_min = int(cells["dep_delay"]) if left else 0
    event = {
        "event_type": "flight_departed" if left else "flight_cancelled",
        "user_id": cells["tailnum"] if cells["tailnum"] != "NA" else "unknown-aircraft",
        "properties": _flight_properties(cells),
    }
    return DemoRow(f"flight-{number:06d}", planned_us + delay_min * MINUTE_US, event)


def _flight_properties(cells: dict[str, str]) -> dict[str, Any]:
    numbers = {name: cells[name] for name in ("dep_delay", "arr_delay", "distance")}
    return {
        "flight": f"{cells['carrier']}{cells['flight']}",
        "origin": cells["origin"],
        "dest": cells["dest"],
        **{name: int(text) for name, text in numbers.items() if text != "NA"},
    }


def _instant_us(text: str) -> int:
    instant_us = fast_instant(text) or parse_instant(text)
    if instant_us is None:
        raise ValueError(f"the packaged data has a time that is none: {text!r}")
    return instant_us
