"""Every error the product raises on purpose.

Whether trying again can help is in the type: ``RetryableError`` or ``TerminalError``. An entry
point turns any of them into one shape (a problem document, a line on stderr); nothing else
reaches a user.
"""

from collections.abc import Sequence
from typing import Self

from msgspec import Struct


class FieldError(Struct, frozen=True, omit_defaults=True):
    """One fault in the input: ``pointer`` is a JSON pointer (RFC 6901), "" is the whole input."""

    pointer: str
    detail: str


class TallybrookError(Exception):
    """Base of all. ``status`` is the HTTP status an entry point answers with."""

    status: int = 500
    slug: str = "internal"
    title: str = "Internal error"

    def __init__(self, detail: str = "", errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)


class TerminalError(TallybrookError):
    """The same call will fail again: change the call."""

    status = 400


class RetryableError(TallybrookError):
    """The same call may succeed after ``retry_after_s`` seconds; nothing was changed."""

    status = 503
    slug = "unavailable"
    title = "Temporarily unavailable"

    def __init__(self, detail: str = "", retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class MalformedError(TerminalError):
    """The bytes are not the format they claim to be (JSON, NDJSON, gzip, zstd)."""

    status, slug, title = 400, "malformed", "Malformed body"


class InvalidError(TerminalError):
    """The format is right and a field is not; ``errors`` names each field."""

    status, slug, title = 422, "invalid", "Invalid fields"

    @classmethod
    def of(cls, pointer: str, detail: str) -> Self:
        """The error of a single field."""
        name = pointer.lstrip("/") or "the body"
        return cls(f"{name} {detail}", [FieldError(pointer, detail)])


class UnauthorizedError(TerminalError):
    """No key, or a key nobody knows or that was revoked."""

    status, slug, title = 401, "unauthorized", "Key missing or unknown"


class BudgetError(TerminalError):
    """The budget of the month is used up, and what was asked for is among the first to stop."""

    status, slug, title = 402, "budget", "Budget used up"


class ForbiddenError(TerminalError):
    """The key is known and lacks the scope that the call needs."""

    status, slug, title = 403, "forbidden", "Key lacks the scope"


class NotFoundError(TerminalError):
    """Nothing of that name in this account."""

    status, slug, title = 404, "not-found", "Not found"


class ConflictError(TerminalError):
    """The thing is in a state that does not allow the call."""

    status, slug, title = 409, "conflict", "Conflict"


class TooLargeError(TerminalError):
    """Body, item or result over its limit; the detail names the limit."""

    status, slug, title = 413, "too-large", "Too large"


class UnsupportedTypeError(TerminalError):
    """A content type or encoding that this call does not read."""

    status, slug, title = 415, "unsupported-type", "Unsupported content type"


class RateLimitedError(RetryableError):
    """The key is over its rate."""

    status, slug, title = 429, "rate-limited", "Too many requests"


class BacklogFullError(RetryableError):
    """The writer is behind; the queue in front of it is full."""

    status, slug, title = 429, "backlog-full", "The writer is behind"


class StorageError(RetryableError):
    """The disk refused a write (full, read-only, I/O error); nothing of it was acknowledged."""

    status, slug, title = 503, "storage", "Storage refused the write"


class UsageError(TerminalError):
    """A command line or configuration that cannot be followed (exit code 2)."""

    status, slug, title = 400, "usage", "Usage"
