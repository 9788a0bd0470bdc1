"""From the bytes of a message to what will be stored of it. Pure.

A message is an event, an operations envelope (it has ``payload`` and names no user), a batch
(``{"events": [...]}``, an array, or NDJSON). ``account_id`` in an event, or beside ``events``,
names the account; without it the default account takes it.
"""

import msgspec
from msgspec import Raw, Struct

from tallybrook.accounts.keys import DEFAULT_ACCOUNT, require_account
from tallybrook.entrypoints.lambdas.identity import Origin
from tallybrook.errors import InvalidError, MalformedError, TerminalError, UnsupportedTypeError
from tallybrook.events.checks import require_json
from tallybrook.events.model import Event
from tallybrook.events.operations import is_operation, read_operation
from tallybrook.events.reading import absent, fields_of, read_event, text_of
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.log import FailedRecord

Item = Event | FailedRecord
"""What a write takes: an event, or the record of something that cannot be one."""

_GZIP = b"\x1f\x8b"
_KPL = b"\xf3\x89\x9a\xc2"
_NAMES = ("event_id", "messageId", "id")
_RAWS = msgspec.json.Decoder(list[Raw])


class Reading(Struct, frozen=True):
    """How messages are read: the instant of their arrival, and whether ``context.ip`` stays."""

    now_us: int
    keep_ip: bool = False


def read_message(body: bytes, origin: Origin, reading: Reading) -> list[Item]:
    """The items of a message in order; what cannot be read is a failed record among them.

    Items that name themselves keep their names; the others are named by the message's origin and
    their place in it.
    """
    try:
        parts, account = _parts(body)
    except TerminalError as error:
        return [rejected(error, body, origin, reading)]
    return [
        read_item(part, origin, reading, part_name=index, account=account)
        for index, part in enumerate(parts)
    ]


def read_item(
    body: bytes,
    origin: Origin,
    reading: Reading,
    *,
    part_name: int | str = 0,
    event_id: str | None = None,
    account: str | None = None,
    place: str = "",
) -> Item:
    """One event or operations envelope. ``event_id`` is its name unless it has one itself;
    ``place`` leads the reason when it cannot be read."""
    try:
        require_json(body)
        fields = fields_of(body)
        account = _account(fields) or account
        owner = require_account(account or DEFAULT_ACCOUNT)
        operation = is_operation(fields)
        event = _read(_without_account(body, fields), owner, reading, operation=operation)
    except TerminalError as error:
        return rejected(
            error, body, origin, reading, part_name=part_name, account=account, place=place
        )
    if not operation and not any(_given(fields, name) for name in _NAMES):
        event.event_id = event_id or origin.name(part_name)
    return event


def _read(body: bytes, owner: str, reading: Reading, *, operation: bool) -> Event:
    if operation:  # names itself: by its id, its business key or its content
        return read_operation(body, owner, reading.now_us)
    return read_event(body, owner, reading.now_us, keep_ip=reading.keep_ip)


def rejected(
    error: TerminalError,
    body: bytes,
    origin: Origin,
    reading: Reading,
    *,
    part_name: int | str = 0,
    account: str | None = None,
    place: str = "",
) -> FailedRecord:
    """The failed record of something delivered; delivered again it has the same name."""
    owner = account if account is not None and _is_account(account) else DEFAULT_ACCOUNT
    record = failed_record(
        error, body, account_id=owner, source=origin.source, now_us=reading.now_us
    )
    record.failed_id = origin.name(part_name)
    record.detail = place + record.detail
    return record


def _parts(body: bytes) -> tuple[list[bytes], str | None]:
    """The bodies of a message's items, and the account that its envelope names."""
    if body.startswith(_GZIP):
        raise UnsupportedTypeError(
            "gzip data, as a subscription of CloudWatch Logs sends it, is no event"
        )
    if body.startswith(_KPL):
        raise UnsupportedTypeError("aggregated records of the Kinesis Producer Library are no JSON")
    try:
        require_json(body)
    except MalformedError:
        return _lines(body), None
    if body.lstrip()[:1] == b"[":
        return [bytes(raw) for raw in _RAWS.decode(body)], None
    fields = fields_of(body)
    if "events" not in fields or "event_type" in fields:
        return [body], None
    return _batch(fields["events"]), _account(fields)


def _lines(body: bytes) -> list[bytes]:
    """NDJSON is told by its first line; other text is one message that is not JSON."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    require_json(lines[0] if len(lines) > 1 else body)
    return lines


def _batch(events: Raw) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _RAWS.decode(events)]
    except msgspec.MsgspecError:
        raise InvalidError.of("/events", "must be an array") from None


def _without_account(body: bytes, fields: dict[str, Raw]) -> bytes:
    if "account_id" not in fields:
        return body
    return msgspec.json.encode({name: v for name, v in fields.items() if name != "account_id"})


def _given(fields: dict[str, Raw], name: str) -> bool:
    return name in fields and not absent(fields[name])


def _account(fields: dict[str, Raw]) -> str | None:
    return text_of(fields, "account_id")


def _is_account(account_id: str) -> bool:
    try:
        return bool(require_account(account_id))
    except InvalidError:
        return False
