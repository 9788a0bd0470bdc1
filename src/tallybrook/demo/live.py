"""What is sent live: real rows with the time of sending, and on purpose some that are not right.

Pure: the n-th step of a demo gives the same requests but for the time.
"""

from typing import Any

import msgspec

from tallybrook.demo.history import NDJSON, Request
from tallybrook.demo.rows import DemoData, DemoRow
from tallybrook.events.instants import format_instant

FLIGHT_EVERY = 3
DUPLICATE_EVERY = 11
BAD_EVERY = 37
_KEPT_TASKS = 40

_encode = msgspec.json.encode


def step(n: int, shop: DemoData, flights: DemoData, now_us: int) -> list[Request]:
    """The requests of step ``n`` (from 0): one real row, and what hangs on it."""
    if n % FLIGHT_EVERY == 2:
        row = flights.live[n // FLIGHT_EVERY % len(flights.live)]
        return _flight(n, row, now_us)
    row = shop.live[(n - n // FLIGHT_EVERY) % len(shop.live)]
    return _visit(n, row, now_us)


def _visit(n: int, row: DemoRow, now_us: int) -> list[Request]:
    event = row.event | {"event_id": f"demo-live-{n}", "timestamp": format_instant(now_us)}
    if n % BAD_EVERY == 0:
        return [_batch([_encode(event), _bad(n // BAD_EVERY, event)])]
    sent = Request("POST", "/events", _encode(event))
    again = [sent] if n % DUPLICATE_EVERY == 0 else []
    return [sent, *again, *_cart(n, row, now_us)]


def _cart(n: int, row: DemoRow, now_us: int) -> list[Request]:
    """What lies in carts, as records: put when added, deleted when bought."""
    path = f"/records/items/cart-{row.event['session_id']}"
    if row.event["event_type"] in ("add_to_cart", "wishlist_add"):
        return [Request("PUT", path, _encode({"createdAt": format_instant(now_us), "step": n}))]
    if row.event["event_type"] in ("purchase", "payment_error"):
        return [Request("DELETE", path)]
    return []


def _flight(n: int, row: DemoRow, now_us: int) -> list[Request]:
    """A departure over the operations stream, and its turnaround as a task that ends."""
    moment = format_instant(now_us)
    envelope = {
        "event_type": row.event["event_type"],
        "timestamp": moment,
        "payload": row.event["properties"] | {"user_id": row.event["user_id"]},
        "source": "demo",
        "event_id": f"demo-live-{n}",
    }
    task = {"createdAt": moment, "flight": row.event["properties"]["flight"]}
    return [
        Request("POST", "/ingest", _encode(envelope)),
        Request("PUT", f"/records/tasks/turnaround-{n}", _encode(task)),
        *_finished(n),
    ]


def _finished(n: int) -> list[Request]:
    done = n - _KEPT_TASKS * FLIGHT_EVERY
    ends = done >= 0 and n // FLIGHT_EVERY % 2 == 0
    return [Request("DELETE", f"/records/tasks/turnaround-{done}")] if ends else []


def _bad(kind: int, event: dict[str, Any]) -> bytes:
    """A line as clients get it wrong; each becomes a failed record that can be mended."""
    bad = {name: value for name, value in event.items() if name != "event_id"}
    faults: list[bytes] = [
        _encode(bad | {"timestamp": "yesterday at noon"}),
        _encode(bad | {"user_id": ""}),
        _encode({name: value for name, value in bad.items() if name != "event_type"}),
        _encode(bad | {"properties": [1, 2, 3]}),
        _encode(bad)[:-9],
    ]
    return faults[kind % len(faults)]


def _batch(lines: list[bytes]) -> Request:
    return Request("POST", "/events/batch", b"\n".join(lines), NDJSON)
