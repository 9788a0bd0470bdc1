"""From an answer of HTTP to a value, or to the error that it says."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook import errors
from tallybrook.errors import FieldError, RetryableError, TallybrookError, TerminalError

RETRIED = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses after which the same call may succeed."""


class RefusedError(TerminalError):
    """The product refused the call with a status that has no error of its own."""


class Problem(Struct):
    """A problem document (RFC 9457), as much as is needed of it."""

    type: str = ""
    title: str = ""
    detail: str = ""
    errors: list[FieldError] = []


_KNOWN: dict[str, type[TallybrookError]] = {
    kind.slug: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, TerminalError | RetryableError)
}
_problem = msgspec.json.Decoder(Problem)


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> TallybrookError:
    """The error that an answer stands for: its type as the product names it, and whether trying
    again can help by its status."""
    try:
        problem = _problem.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        problem = Problem(detail=body[:200].decode(errors="replace"))
    said = f"{status} {problem.detail or problem.title}".strip()
    detail = with_faults(said, problem.errors)
    kind = _KNOWN.get(problem.type.rpartition("#")[2])
    if status in RETRIED:
        retried = kind if kind is not None and issubclass(kind, RetryableError) else RetryableError
        return retried(detail, retry_after_s=retry_after_s(headers))
    terminal = kind if kind is not None and issubclass(kind, TerminalError) else RefusedError
    error = terminal(detail, problem.errors)
    error.status = status
    return error


def with_faults(detail: str, faults: Sequence[FieldError]) -> str:
    """What is wrong in one line, every field of it."""
    told = [f"{one.pointer} {one.detail}".strip() for one in faults]
    return "; ".join([detail, *(text for text in told if text not in detail)])


def retry_after_s(headers: Mapping[str, str]) -> int:
    """The seconds that ``Retry-After`` asks for, 0 without it. A date is not read."""
    text = headers.get("retry-after", "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def decoded(body: bytes, kind: Any) -> Any:
    """The reply as ``kind``. Raises ``TallybrookError`` when something else answers there."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise TallybrookError(f"the reply is not what Tallybrook answers: {error}") from None
