"""The records of a trigger's event, whatever it is that came. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tallybrook.entrypoints.lambdas.identity import Origin
from tallybrook.entrypoints.lambdas.messages import Reading, rejected
from tallybrook.errors import UnsupportedTypeError
from tallybrook.ports.log import FailedRecord


def records_of(event: Mapping[str, Any]) -> list[Any]:
    """The records; an event that has none is taken for one, which nobody will recognise."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    if isinstance(records, list):
        return records
    return [] if isinstance(event, Mapping) and "window" in event else [event]


def object_of(body: bytes | str) -> dict[str, Any]:
    """A body as an object, empty when it is none: then nothing is wrapped in it."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return {}


def unknown(source: str, record: object, reason: str, reading: Reading) -> FailedRecord:
    """The failed record of what this trigger never delivers, named after its content."""
    body = msgspec.json.encode(record)
    error = UnsupportedTypeError(f"not a record of {source}: {reason}")
    return rejected(error, body, Origin(source, (body.decode(),), 0), reading)


def window_state(event: Mapping[str, Any]) -> dict[str, Any]:
    """What a tumbling window expects back: its state, also when no record came."""
    return {"state": event.get("state") or {}} if "window" in event else {}
