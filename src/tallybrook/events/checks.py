"""Checks on received bytes and JSON values. Pure."""

import msgspec
from msgspec import Raw

from tallybrook.errors import MalformedError
from tallybrook.events.model import MAX_DEPTH, MAX_EVENT_BYTES, MAX_TEXT

_ANY_JSON = msgspec.json.Decoder(Raw)
_OPENERS, _CLOSERS = frozenset(b"[{"), frozenset(b"]}")
_OBJECT = 0x7B
_SHORT = 2 * MAX_DEPTH


def require_utf8(body: bytes) -> None:
    """Raise ``MalformedError`` unless the bytes are UTF-8 (msgspec skips strings unread)."""
    if body.isascii():
        return
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"the body is not UTF-8 (byte {error.start})") from None


def require_json(body: bytes) -> None:
    """Raise ``MalformedError`` unless the bytes are one JSON document of bearable depth."""
    require_utf8(body)
    try:
        _ANY_JSON.decode(body)
    except RecursionError:
        raise MalformedError(f"nested deeper than {MAX_DEPTH} levels") from None
    except msgspec.MsgspecError as error:
        raise MalformedError(f"the body is not JSON: {error}") from None


def depth_of(document: bytes) -> int:
    """The deepest nesting of arrays and objects in a well-formed JSON document."""
    deepest = level = 0
    in_text = escaped = False
    for byte in document:
        if in_text:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_text = False
        elif byte == 0x22:
            in_text = True
        elif byte in _OPENERS:
            level += 1
            deepest = max(deepest, level)
        elif byte in _CLOSERS:
            level -= 1
    return deepest


def plain_object(value: bytes) -> bool:
    """Whether ``object_fault`` finds nothing and the text is one line, told without counting."""
    # An opener and a closer a level: a text this short cannot be too deep.
    return len(value) <= _SHORT and value[0] == _OBJECT and b"\n" not in value


def object_fault(raw: Raw) -> str | None:
    """Why the value cannot be kept as a JSON object, or None when it can."""
    value = bytes(raw)
    if value[:1] != b"{":
        return "must be an object"
    if len(value) > MAX_EVENT_BYTES:
        return f"must be at most {MAX_EVENT_BYTES} bytes"
    # An opener and a closer a level: a shorter text cannot be too deep.
    if (
        len(value) > 2 * MAX_DEPTH
        and value.count(b"{") + value.count(b"[") > MAX_DEPTH
        and depth_of(value) > MAX_DEPTH
    ):
        return f"nested deeper than {MAX_DEPTH} levels"
    return None


def text_fault(value: object, *, most: int = MAX_TEXT) -> str | None:
    """Why the value is not a usable short text, or None when it is."""
    if not isinstance(value, str):
        return "must be text"
    if not value:
        return "must not be empty"
    if len(value) > most:
        return f"must be at most {most} characters"
    return None
