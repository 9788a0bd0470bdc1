"""The bus: notices of what happened (an alert, a run that ended) to whoever wants to know.

Guarantees of every backend
---------------------------
* **Durable before told.** When ``publish`` returns, all its notices are stored and will be
  delivered. When it raises, any number of them may be: publish them again.
* **At least once.** Each subscriber gets each notice once or more. ``notice_id`` is the publisher's
  own and says what happened, not when it was said: whoever gets one twice knows it by that. A
  backend may drop the second of the same id, it need not.
* **Order.** None is promised.
* **Failure.** A subscriber that fails is called again later, with growing pauses and a limit; then
  the notice is handed to its dead-letter place. One subscriber's failure is not another's.
* **Absence.** A subscriber gets what is published after it subscribed; nobody has to.
* **Limits.** A notice has at most 256 KiB as JSON; any number of notices a ``publish``.
* **Errors.** ``InvalidError`` and ``TooLargeError`` for a notice that no backend takes, before any
  is published; ``StorageError`` when the same call may succeed later.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from tallybrook.errors import InvalidError, TooLargeError
from tallybrook.events.instants import format_instant

SOURCE = "tallybrook"
MAX_NOTICE_BYTES = 256 << 10

_KIND = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}", re.ASCII)


class Notice(Struct, frozen=True, kw_only=True):
    """One thing that happened. ``at`` is in microseconds; ``data`` is a JSON object.

    ``kind`` is what subscribers choose by, such as ``alert.raised``.
    """

    notice_id: str
    kind: str
    account_id: str
    at: int
    data: Mapping[str, Any] = {}


class Envelope(Struct, kw_only=True):
    """What travels: the ``detail`` of an EventBridge event. ``at`` is RFC 3339."""

    id: str
    account_id: str
    at: str
    data: Mapping[str, Any]


class Bus(Protocol):
    """The publishing side. Safe for threads; any number of processes."""

    def publish(self, notices: Sequence[Notice]) -> None:
        """Store notices for delivery."""


def detail_of(notice: Notice) -> bytes:
    """The notice's envelope as JSON.

    Raises ``InvalidError`` for a kind or id that may not be, or data that is no JSON object;
    ``TooLargeError`` above 256 KiB.
    """
    if not _KIND.fullmatch(notice.kind):
        raise InvalidError.of("/kind", "must match [a-z0-9][a-z0-9._-]{0,127}")
    if not 1 <= len(notice.notice_id) <= 256:
        raise InvalidError.of("/notice_id", "must have 1 to 256 characters")
    at = format_instant(notice.at)
    envelope = Envelope(id=notice.notice_id, account_id=notice.account_id, at=at, data=notice.data)
    try:
        detail = msgspec.json.encode(envelope)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError.of("/data", f"is not JSON: {error}") from None
    if len(detail) > MAX_NOTICE_BYTES:
        raise TooLargeError(f"a notice has more than {MAX_NOTICE_BYTES} bytes")
    return detail
