"""Reading request bodies: bounded, decompressed with a bound, of a type we read."""

import zlib
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from tallybrook import zstd
from tallybrook.errors import InvalidError, MalformedError, TooLargeError, UnsupportedTypeError
from tallybrook.events.batches import MAX_BATCH_EVENTS
from tallybrook.events.checks import require_json

T = TypeVar("T")

JSON_TYPES = frozenset({"application/json", "text/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
MAX_MEMBERS = 256
WINDOW, MAX_WINDOW_LOG = zstd.DecompressionParameter.window_log_max, 23
"""8 MiB is what RFC 8878 asks every decoder to take; nobody may ask for more memory."""
_RAW_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
SLICE = 256
"""Few enough compressed bytes that what comes of them (zstd: at most 128 KB of 4) stays small."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body, decompressed, at most ``limit`` bytes before and after.

    Raises ``TooLargeError``, ``UnsupportedTypeError`` (encoding), ``MalformedError``.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise TooLargeError(f"the body is over {limit} bytes")
    received = bytearray()
    try:
        async for part in request.stream():
            received += part
            if len(received) > limit:
                raise TooLargeError(f"the body is over {limit} bytes")
    except ClientDisconnect:
        raise MalformedError("the client went away before the body was complete") from None
    return decompress(bytes(received), request.headers.get("content-encoding", ""), limit)


async def read_json(request: Request, decoder: msgspec.json.Decoder[T], limit: int) -> T:
    """A JSON body as a type. Raises what ``require_json_type`` and ``read_body`` raise,
    ``MalformedError`` for no JSON and ``InvalidError`` for another shape."""
    require_json_type(request.headers)
    body = await read_body(request, limit)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        raise InvalidError.of(place.rstrip("`").replace(".", "/"), reason) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedError(str(error)) from None


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo a Content-Encoding (identity, gzip, zstd), giving at most ``limit`` bytes."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name in ("gzip", "x-gzip"):
        return _gunzip(body, limit)
    if name == "zstd":
        return _unzstd(body, limit)
    raise UnsupportedTypeError(f"content encoding {encoding!r}: send identity, gzip or zstd")


def _gunzip(body: bytes, limit: int) -> bytes:
    try:
        return _members("gzip", body, limit, _gzip_machine)
    except zlib.error as error:
        raise MalformedError(f"the body is not gzip: {error}") from None


def _unzstd(body: bytes, limit: int) -> bytes:
    try:
        return _members("zstd", body, limit, _zstd_machine)
    except zstd.ZstdError as error:
        raise MalformedError(f"the body is not zstd: {error}") from None


class Machine(Protocol):
    """Decompresses one member (gzip) or frame (zstd)."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _gzip_machine() -> Machine:
    return zlib.decompressobj(wbits=31)


def _zstd_machine() -> Machine:
    return zstd.ZstdDecompressor(options={WINDOW: MAX_WINDOW_LOG})


def _members(name: str, body: bytes, limit: int, machine_for: Callable[[], Machine]) -> bytes:
    """All members one after another, in small slices, so that a bomb is seen in time."""
    out = bytearray()
    at = 0
    for _ in range(MAX_MEMBERS):
        machine = machine_for()
        while at < len(body) and not machine.eof:
            piece = body[at : at + SLICE]
            out += machine.decompress(piece)
            _require_bound(out, limit)
            at += len(piece) - len(machine.unused_data)
        if not machine.eof:
            raise MalformedError(f"the {name} body is cut short")
        if at == len(body):
            return bytes(out)
    raise MalformedError(f"the {name} body has more than {MAX_MEMBERS} parts")


def _require_bound(out: bytearray, limit: int) -> None:
    if len(out) > limit:
        raise TooLargeError(f"the body is over {limit} bytes when decompressed")


def is_ndjson(headers: Mapping[str, str]) -> bool:
    """Whether the content type is NDJSON; raises ``UnsupportedTypeError`` if it is not JSON."""
    kind = media_type(headers)
    if kind in NDJSON_TYPES:
        return True
    require_json_type(headers)
    return False


def require_json_type(headers: Mapping[str, str]) -> None:
    """Raise ``UnsupportedTypeError`` unless the content type is JSON or absent."""
    kind = media_type(headers)
    if kind and kind not in JSON_TYPES and not kind.endswith("+json"):
        raise UnsupportedTypeError(f"content type {kind!r}: send application/json")


def media_type(headers: Mapping[str, str]) -> str:
    """The content type without its parameters; a charset that is not UTF-8 is refused."""
    kind, *parameters = headers.get("content-type", "").lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('" ') not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedTypeError(f"charset {value}: send UTF-8")
    return kind.strip()


def items_of(body: bytes, name: str, *, ndjson: bool) -> list[bytes]:
    """The items of a batch, as they stand: the lines of NDJSON, or the elements of the array that
    an object has under ``name``. Raises ``MalformedError``, ``InvalidError``, ``TooLargeError``."""
    if ndjson:
        found = [line for line in body.split(b"\n") if line.strip()]
    else:
        require_json(body)
        try:
            found = [bytes(raw) for raw in _RAW_ITEMS.decode(_RAW_KEYS.decode(body)[name])]
        except (msgspec.MsgspecError, KeyError):
            raise InvalidError.of(f"/{name}", "must be an array") from None
    if len(found) > MAX_BATCH_EVENTS:
        raise TooLargeError(
            f"a batch is at most {MAX_BATCH_EVENTS} {name}, this one has {len(found)}"
        )
    return found
