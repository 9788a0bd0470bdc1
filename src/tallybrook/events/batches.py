"""From the bytes of a batch to its items: events, and rejections that spoil only themselves."""

import msgspec
from msgspec import Struct

from tallybrook.errors import FieldError, InvalidError, TerminalError, TooLargeError
from tallybrook.events.checks import require_json, require_utf8
from tallybrook.events.model import MAX_EVENT_BYTES, Event
from tallybrook.events.reading import build_event, decode_event
from tallybrook.events.wire import BatchIn, RawBatchIn

MAX_BATCH_EVENTS = 500
MAX_BATCH_BYTES = 5_000_000

_TYPED = msgspec.json.Decoder(BatchIn)
_RAW = msgspec.json.Decoder(RawBatchIn)


class Rejection(Struct):
    """An item that cannot be used: why, and its own bytes for the failed-records table."""

    error: TerminalError
    body: bytes


Item = Event | Rejection


def read_batch(body: bytes, account_id: str, now_us: int, *, keep_ip: bool = False) -> list[Item]:
    """The items of ``{"events": […]}`` in order.

    Raises ``TooLargeError`` (500 events, 5 MB), ``MalformedError`` or ``InvalidError`` only for
    what is wrong with the batch itself.
    """
    _require_size(body)
    require_utf8(body)
    try:
        seen = _TYPED.decode(body).events
        _require_count(len(seen))
        return [build_event(event, account_id, now_us, keep_ip=keep_ip) for event in seen]
    except (msgspec.MsgspecError, RecursionError, InvalidError):
        # Something in it is not plainly right: find out which items, one by one.
        pass
    require_json(body)
    try:
        items = _RAW.decode(body).events
    except msgspec.MsgspecError as error:
        raise InvalidError(
            'a batch is {"events": [...]}', [FieldError("/events", str(error))]
        ) from None
    _require_count(len(items))
    return [_item(bytes(item), account_id, now_us, keep_ip) for item in items]


def read_ndjson(body: bytes, account_id: str, now_us: int, *, keep_ip: bool = False) -> list[Item]:
    """The items of newline-delimited JSON, blank lines skipped; limits as for ``read_batch``."""
    _require_size(body)
    lines = [line for line in body.split(b"\n") if line.strip()]
    _require_count(len(lines))
    return [_item(line, account_id, now_us, keep_ip) for line in lines]


def _item(body: bytes, account_id: str, now_us: int, keep_ip: bool) -> Item:
    try:
        if len(body) > MAX_EVENT_BYTES:
            raise TooLargeError(f"an event is at most {MAX_EVENT_BYTES} bytes")
        require_utf8(body)
        return build_event(decode_event(body), account_id, now_us, keep_ip=keep_ip)
    except TerminalError as error:
        return Rejection(error, body)


def _require_size(body: bytes) -> None:
    if len(body) > MAX_BATCH_BYTES:
        raise TooLargeError(f"a batch is at most {MAX_BATCH_BYTES} bytes uncompressed")


def _require_count(count: int) -> None:
    if count > MAX_BATCH_EVENTS:
        raise TooLargeError(f"a batch is at most {MAX_BATCH_EVENTS} events, this one has {count}")
