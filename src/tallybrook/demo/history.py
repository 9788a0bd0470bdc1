"""The history: every event with an id of its own and its time moved so that the data ends now."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from tallybrook.demo.rows import DemoData, DemoRow
from tallybrook.events.instants import format_instant

BATCH = 500
NDJSON = "application/x-ndjson"
_CARTS = 300


class Request(Struct, frozen=True):
    """One HTTP request to the product."""

    method: str
    path: str
    body: bytes = b""
    content_type: str = "application/json"


def history_batches(sets: list[DemoData], anchor_us: int) -> Iterator[tuple[int, Request]]:
    """How many events, and the request that sends them. The same anchor, the same bytes.

    ``anchor_us`` is the instant at which every data set ends. The ids do not depend on it, so
    sending the history again changes nothing.
    """
    for data in sets:
        shift_us = anchor_us - data.end_us
        for start in range(0, len(data.history), BATCH):
            rows = data.history[start : start + BATCH]
            lines = [_line(row, shift_us) for row in rows]
            yield len(rows), Request("POST", "/events/batch", b"\n".join(lines), NDJSON)


def history_records(shop: DemoData, anchor_us: int) -> Request:
    """The last carts as records ``items``, so that record counters have a past too."""
    shift_us = anchor_us - shop.end_us
    carts = [row for row in shop.history if row.event["event_type"] == "add_to_cart"][-_CARTS:]
    records = [
        {
            "op": "put",
            "id": f"cart-{row.name}",
            "createdAt": format_instant(row.instant_us + shift_us),
            "session": row.event["session_id"],
        }
        for row in carts
    ]
    return Request("POST", "/records/items", msgspec.json.encode({"records": records}))


def _line(row: DemoRow, shift_us: int) -> bytes:
    moved = format_instant(row.instant_us + shift_us)
    return msgspec.json.encode(row.event | {"event_id": f"demo-{row.name}", "timestamp": moved})
