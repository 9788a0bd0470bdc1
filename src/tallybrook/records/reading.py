"""From the bytes of a record, or a batch of them, to changes for the log. Pure."""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from tallybrook.errors import FieldError, InvalidError, TerminalError, TooLargeError
from tallybrook.events.checks import object_fault, require_json, require_utf8, text_fault
from tallybrook.events.instants import parse_instant
from tallybrook.events.model import MAX_EVENT_BYTES
from tallybrook.events.reading import fields_of, text_of
from tallybrook.ports.log import RecordChange

MAX_RECORDS = 500
_TYPE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
_BATCH = msgspec.json.Decoder(dict[str, list[Raw]])

INSTANT_FIELDS = ("createdAt", "updatedAt")

DEFAULT_TYPES: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("items", "scoreResults", "tasks", "evaluations"), INSTANT_FIELDS
)
"""Record types and the fields that give the instant, the first non-empty one."""


class RejectedRecord(Struct):
    """A record of a batch that cannot be used: why, and its own bytes."""

    error: TerminalError
    body: bytes


class RecordReader:
    """Reads records of the declared types.

    ``types`` maps a record type to the names of its instant fields in order of preference.
    """

    def __init__(self, types: Mapping[str, tuple[str, ...]] = DEFAULT_TYPES) -> None:
        self.types = dict(types)

    def put(self, account_id: str, record_type: str, record_id: str, body: bytes) -> RecordChange:
        """The change that replaces a record with ``body`` (a JSON object of at most 32 KB)."""
        if len(body) > MAX_EVENT_BYTES:
            raise TooLargeError(f"a record is at most {MAX_EVENT_BYTES} bytes")
        self._require_name(record_type, record_id)
        require_utf8(body)
        require_json(body)
        fault = object_fault(Raw(body.strip()))
        if fault:
            raise InvalidError.of("", fault)
        fields = fields_of(body)
        self._require_account(fields, account_id)
        instant, skipped = self._instant(record_type, fields)
        return RecordChange(
            account_id, record_type, record_id, "put", instant, skipped, body.decode()
        )

    def delete(self, account_id: str, record_type: str, record_id: str) -> RecordChange:
        """The change that takes a record away."""
        self._require_name(record_type, record_id)
        return RecordChange(account_id, record_type, record_id, "delete")

    def batch(
        self, account_id: str, record_type: str, body: bytes
    ) -> list[RecordChange | RejectedRecord]:
        """The changes of ``{"records": [{"op", "id", …}]}`` in order, bad ones in their place."""
        require_utf8(body)
        require_json(body)
        try:
            items = _BATCH.decode(body)["records"]
        except (msgspec.MsgspecError, KeyError):
            raise InvalidError(
                'a batch is {"records": [...]}', [FieldError("/records", "must be an array")]
            ) from None
        if len(items) > MAX_RECORDS:
            raise TooLargeError(f"a batch is at most {MAX_RECORDS} records, got {len(items)}")
        self._require_name(record_type, "any")
        return [self._item(account_id, record_type, bytes(item)) for item in items]

    def _item(
        self, account_id: str, record_type: str, item: bytes
    ) -> RecordChange | RejectedRecord:
        try:
            fields = fields_of(item)
            op = text_of(fields, "op") or "put"
            record_id = text_of(fields, "id")
            if op not in ("put", "delete"):
                raise InvalidError.of("/op", 'must be "put" or "delete"')
            if record_id is None:
                raise InvalidError.of("/id", "is required")
            self._require_account(fields, account_id)
            if op == "delete":
                return self.delete(account_id, record_type, record_id)
            kept = {name: raw for name, raw in fields.items() if name not in ("op", "id")}
            return self.put(account_id, record_type, record_id, msgspec.json.encode(kept))
        except TerminalError as error:
            return RejectedRecord(error, item)

    def _require_name(self, record_type: str, record_id: str) -> None:
        if record_type not in self.types:
            known = ", ".join(sorted(self.types))
            raise InvalidError.of("/type", f"{record_type!r} is not declared (known: {known})")
        fault = text_fault(record_id)
        if fault:
            raise InvalidError.of("/id", fault)

    def _require_account(self, fields: Mapping[str, Raw], account_id: str) -> None:
        given = text_of(dict(fields), "accountId")
        if given is not None and given != account_id:
            raise InvalidError.of("/accountId", "is not the account of the key")

    def _instant(
        self, record_type: str, fields: Mapping[str, Raw]
    ) -> tuple[int | None, Literal["no_timestamp", "invalid_timestamp"] | None]:
        for name in self.types[record_type]:
            raw = bytes(fields.get(name, Raw(b"null")))
            if raw in (b"null", b'""'):
                continue
            text = msgspec.json.decode(raw) if raw[:1] == b'"' else None
            instant = parse_instant(text) if isinstance(text, str) else None
            return (instant, None) if instant is not None else (None, "invalid_timestamp")
        return None, "no_timestamp"


def parse_types(text: str) -> dict[str, tuple[str, ...]]:
    """Declared types from ``name:field|field,name`` (the form the settings take)."""
    types = dict(DEFAULT_TYPES)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, fields = part.partition(":")
        if not _TYPE_NAME.fullmatch(name):
            raise InvalidError.of("/record_types", f"{name!r} is not a type name")
        types[name] = tuple(filter(None, fields.split("|"))) or INSTANT_FIELDS
    return types
