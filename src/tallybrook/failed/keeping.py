"""From something that failed to the record that is kept of it. Pure but for the ids."""

import base64

from tallybrook.errors import TallybrookError
from tallybrook.events.ids import new_ulid
from tallybrook.ports.log import FailedRecord

KEPT_BYTES = 256 * 1024


def failed_record(
    error: TallybrookError, body: bytes, *, account_id: str, source: str, now_us: int
) -> FailedRecord:
    """The record of ``body`` having failed with ``error``. ``source`` names the way it came."""
    text, encoding = _as_text(body[:KEPT_BYTES])
    faults = "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in error.errors)
    return FailedRecord(
        failed_id=new_ulid(now_us),
        account_id=account_id,
        source=source,
        reason=error.slug,
        detail=(faults or error.detail) + _cut(body),
        body=text,
        encoding="base64" if encoding == "base64" else "utf-8",
        first_at=now_us,
        last_at=now_us,
    )


def original_bytes(record: FailedRecord) -> bytes:
    """The bytes that failed."""
    if record.encoding == "base64":
        return base64.b64decode(record.body)
    return record.body.encode()


def _cut(body: bytes) -> str:
    if len(body) <= KEPT_BYTES:
        return ""
    return f" (kept are the first {KEPT_BYTES} of {len(body)} bytes)"


def _as_text(body: bytes) -> tuple[str, str]:
    try:
        return body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
