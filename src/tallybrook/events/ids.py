"""Identities: ULIDs made here, and ids derived from content. Pure but for the random source."""

import hashlib
import secrets
import threading

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def _base32(value: int, length: int) -> str:
    text = ""
    while len(text) < length:
        value, pair = divmod(value, 1024)
        text = _PAIRS[pair] + text
    return text[-length:]


class UlidFactory:
    """ULIDs (github.com/ulid/spec) that rise strictly within this factory; safe for threads.

    The random part is drawn once a millisecond and counted up inside it, as the specification's
    monotonic mode does; 16 bits of room are left above the draw so that it never overflows.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ms = -1
        self._time = ""
        self._random = 0

    def __call__(self, now_us: int) -> str:
        with self._lock:
            ms = max(now_us // 1000, self._ms)
            if ms != self._ms:
                self._ms, self._time = ms, _base32(ms, 10)
                self._random = secrets.randbits(80) >> 1
            self._random += 1
            return self._time + _base32(self._random, 16)


new_ulid = UlidFactory()


def content_id(*parts: str | bytes) -> str:
    """A 128-bit id of the parts: equal parts give equal ids on every machine, for ever."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


_MAX_MS = (1 << 48) - 1
_RANDOM_BITS = 80


def stable_id(at_us: int, *parts: str) -> str:
    """A ULID of an instant whose random half is made of the parts: it sorts among the others."""
    ms = min(max(at_us // 1000, 0), _MAX_MS)
    digest = int(content_id(*parts), 16) & ((1 << _RANDOM_BITS) - 1)
    return _base32(ms, 10) + _base32(digest, 16)
