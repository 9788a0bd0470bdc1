"""Secrets: short texts by name, that programs read and nobody sees.

Guarantees of every backend
---------------------------
* **One value.** Of many that create a secret at once one wins, and all get its value.
* **Durable before told.** What ``create`` or ``put`` returned from survives.
* **Freshness.** ``get`` may answer from memory for ``CACHE_S``: so long after a change another
  process may still have the old value. Absence is never remembered. ``fresh`` asks the store.
* **Absence.** ``get`` gives None.
* **Limits.** A name is 1 to 128 of ``[a-z0-9._-]``, beginning with a letter or digit; a value 1 to
  65 536 bytes of UTF-8.
* **Secrecy.** Values are encrypted at rest (AWS) or readable by the owner alone (files), and are in
  no error's text.
* **Errors.** ``InvalidError`` for a name or value that no backend takes, ``StorageError`` when the
  same call may succeed later, ``TallybrookError`` when the store refuses for good (no permission, a
  secret that is being deleted).
"""

import re
import time
from collections.abc import Callable
from typing import Protocol

from tallybrook.errors import InvalidError

CACHE_S = 60.0
MAX_VALUE_BYTES = 65_536

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}", re.ASCII)


class Secrets(Protocol):
    """The secrets of one stack or data directory. Safe for threads; any number of processes."""

    def get(self, name: str, *, fresh: bool = False) -> str | None:
        """The value, or None."""

    def create(self, name: str, make: Callable[[], str]) -> str:
        """The value there is; where there is none, that of ``make``, which is stored."""

    def put(self, name: str, value: str) -> None:
        """Store a value, replacing what is there."""


def check_name(name: str) -> str:
    """The name, or ``InvalidError``."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise InvalidError.of("/name", "must match [a-z0-9][a-z0-9._-]{0,127}")
    return name


def check_value(value: str) -> str:
    """The value, or ``InvalidError``, which does not quote it."""
    if not 1 <= len(value.encode()) <= MAX_VALUE_BYTES:
        raise InvalidError.of("/value", f"must have 1 to {MAX_VALUE_BYTES} bytes")
    return value


class Cache:
    """Values read a short while ago. ``now_s`` is a monotonic clock."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._held: dict[str, tuple[str, float]] = {}

    def get(self, name: str) -> str | None:
        value, until_s = self._held.get(name, (None, 0.0))
        return value if value is not None and self._now_s() < until_s else None

    def keep(self, name: str, value: str) -> str:
        self._held[name] = (value, self._now_s() + CACHE_S)
        return value
