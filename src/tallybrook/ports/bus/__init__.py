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
from tallybrook.events.instants import format_instant, parse_instant

SOURCE = "tallybrook"
"""Who publishes: this, or this and a dot and the capability's name."""

HEADING = "notice"
MAX_NOTICE_BYTES = 256 << 10

_KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


class Notice(Struct, frozen=True, kw_only=True):
    """One thing that happened. ``at`` is in microseconds; ``data`` is a JSON object.

    ``kind`` is what subscribers choose by, such as ``alert.raised``.
    """

    notice_id: str
    kind: str
    account_id: str
    at: int
    data: Mapping[str, Any] = {}


class Heading(Struct, kw_only=True):
    """What travels beside the data, under ``notice``. ``at`` is RFC 3339."""

    id: str
    account_id: str
    at: str


class Bus(Protocol):
    """The publishing side. Safe for threads; any number of processes."""

    def publish(self, notices: Sequence[Notice]) -> None:
        """Store notices for delivery."""


class Tail(Protocol):
    """Reading along, of a backend that keeps what was published in one place. Safe for threads;
    any number of processes."""

    def head(self) -> int:
        """The number of the newest notice, 0 when there was never any."""

    def published(self, after: int, limit: int = 1000) -> list[tuple[int, Notice]]:
        """Up to ``limit`` notices with a higher number, in the order of their numbers, which is
        the one they were stored in: none with a lower number is stored later."""


def detail_of(notice: Notice) -> bytes:
    """What travels, as JSON: the notice's data, and under ``notice`` its heading. It is the
    ``detail`` of an EventBridge event.

    Raises ``InvalidError`` for a kind or id that may not be, or data that is no JSON object or has
    a key ``notice``; ``TooLargeError`` above 256 KiB.
    """
    if not _KIND.fullmatch(notice.kind):
        raise InvalidError.of("/kind", "must match [A-Za-z0-9][A-Za-z0-9._-]{0,127}")
    if not 1 <= len(notice.notice_id) <= 256:
        raise InvalidError.of("/notice_id", "must have 1 to 256 characters")
    if HEADING in notice.data:
        raise InvalidError.of(f"/data/{HEADING}", "is the heading's own name")
    at = format_instant(notice.at)
    heading = Heading(id=notice.notice_id, account_id=notice.account_id, at=at)
    try:
        detail = msgspec.json.encode({**notice.data, HEADING: heading})
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError.of("/data", f"is not JSON: {error}") from None
    if len(detail) > MAX_NOTICE_BYTES:
        raise TooLargeError(f"a notice has more than {MAX_NOTICE_BYTES} bytes")
    return detail


def notice_of(kind: str, detail: bytes) -> Notice:
    """The notice that ``detail_of`` made this of. Raises ``InvalidError`` for anything else."""
    try:
        data = msgspec.json.decode(detail, type=dict[str, Any])
        heading = msgspec.convert(data.pop(HEADING, None), Heading)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidError.of("/detail", f"is no notice: {error}") from None
    at = parse_instant(heading.at)
    if at is None:
        raise InvalidError.of(f"/detail/{HEADING}/at", "is no instant")
    return Notice(notice_id=heading.id, kind=kind, account_id=heading.account_id, at=at, data=data)
