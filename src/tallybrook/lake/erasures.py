"""Erasures that were asked for, until they are done and as a certificate from then on.

One is recorded before anything is done (``lake.recording``), and *pending* until it is done. What
is kept of it is what, where and how many, and when; of a name a digest, by which the log's events
of before are left out of what is read.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from tallybrook.errors import NotFoundError
from tallybrook.ports.lake import digest_of
from tallybrook.ports.state import State

LAST = "last"


class Certificate(Struct, kw_only=True):
    """One erasure. ``names`` is how many ids and pseudonyms were looked for, ``up_to`` the log
    position up to which. ``tables`` has rows and files of each table of the lake, tables of results
    included; ``answers`` is how many kept answers of saved queries went. Instants are RFC 3339."""

    erasure_id: str
    status: Literal["pending", "done"]
    requested_at: str
    finished_at: str | None = None
    names: int
    up_to: int
    tables: dict[str, dict[str, int]] = {}
    answers: int = 0


class Last(Struct, frozen=True):
    """The last erasure of an account that was done: when, and the first snapshot without it."""

    at_us: int
    snapshot: int


_certificate = msgspec.json.Decoder(Certificate)
_last = msgspec.json.Decoder(Last)


def find(state: State, account_id: str, erasure_id: str) -> Certificate:
    """An erasure of an account. Raises ``NotFoundError``."""
    item = state.get(certificates_of(account_id), erasure_id[:64] or "-")
    if item is None:
        raise NotFoundError("there is no such erasure")
    return _certificate.decode(item.value)


def last_of(state: State, account_id: str) -> Last | None:
    """The last one of an account that was done."""
    item = state.get(about(account_id), LAST)
    return None if item is None else _last.decode(item.value)


def hidden_until(state: State, account_id: str, name: str | None) -> int:
    """The instant (microseconds) of the last erasure under a name: its events that arrived by then
    are nobody's to read. 0 where there was none."""
    item = None if not name else state.get(names_of(account_id), digest_of(account_id, name))
    return 0 if item is None else int(item.value)


def is_pending(state: State, account_id: str) -> bool:
    """Whether somebody of the account is being erased."""
    return bool(state.query(pending_of(account_id), limit=1))


def pending_of(account_id: str) -> str:
    """The partition of what is pending."""
    return f"erasures-pending#{account_id}"


def certificates_of(account_id: str) -> str:
    """The partition of certificates."""
    return f"erasures#{account_id}"


def about(account_id: str) -> str:
    """The partition of ``LAST``."""
    return f"erased#{account_id}"


def names_of(account_id: str) -> str:
    """The partition of digests of names."""
    return f"erased-names#{account_id}"
