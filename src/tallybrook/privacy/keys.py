"""The keys that pseudonyms are made with: one that makes, and older ones still recognised. Pure.

A key's id is derived from its secret, so no two secrets can be mistaken for one another, and the
same secret has the same id in every process.
"""

import secrets
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from tallybrook.errors import UsageError
from tallybrook.events.instants import format_instant, parse_instant
from tallybrook.privacy.hkdf import hkdf

MIN_SECRET_BYTES = 32
_KID_BYTES = 4
_FRESH_BYTES = 32


class PrivacyKey(Struct, frozen=True):
    """``made_at`` and ``retires_at`` are in microseconds; from ``retires_at`` on the key is not
    used any more. The newest key has none. No text of it holds the secret."""

    kid: str
    secret: str
    made_at: int = 0
    retires_at: int | None = None

    def __repr__(self) -> str:
        return f"PrivacyKey({self.kid})"

    def derive(self, purpose: str, salt: bytes = b"") -> bytes:
        """A key for one purpose; ``salt`` is the random secret of a person."""
        return hkdf(_octets(self.secret), salt=salt, info=f"tallybrook {purpose}".encode())


class PrivacyKeys(Struct, frozen=True):
    """At least one key, the newest first. ``serial`` counts how often they were stored."""

    keys: tuple[PrivacyKey, ...]
    serial: int = 0

    @property
    def newest(self) -> PrivacyKey:
        """The one that makes."""
        return self.keys[0]

    @property
    def older(self) -> tuple[PrivacyKey, ...]:
        """Those that are still recognised."""
        return self.keys[1:]

    def at(self, now_us: int) -> "PrivacyKeys":
        """The keys in use at an instant."""
        used = [k for k in self.keys if k.retires_at is None or now_us < k.retires_at]
        return PrivacyKeys(tuple(used), self.serial)

    def also(self, others: Iterable[PrivacyKey]) -> "PrivacyKeys":
        """These keys, and behind them those of ``others`` that are not among them."""
        known = {key.kid for key in self.keys}
        return PrivacyKeys(
            (*self.keys, *(key for key in others if key.kid not in known)), self.serial
        )


class _Stored(Struct, omit_defaults=True):
    secret: str
    made_at: str
    retires_at: str | None = None


class _Document(Struct):
    keys: list[_Stored]
    serial: int


def key_of(secret: str, made_at: int = 0, retires_at: int | None = None) -> PrivacyKey:
    """The key of a secret; ``UsageError``, which does not quote it, below 32 bytes."""
    if len(_octets(secret)) < MIN_SECRET_BYTES:
        raise UsageError(f"the secret for pseudonyms must have {MIN_SECRET_BYTES} bytes or more")
    kid = "k" + hkdf(_octets(secret), info=b"tallybrook key id", length=_KID_BYTES).hex()
    return PrivacyKey(kid, secret, made_at, retires_at)


def fresh_key(now_us: int) -> PrivacyKey:
    """A key of 256 random bits."""
    return key_of(secrets.token_hex(_FRESH_BYTES), now_us)


def rotated(keys: PrivacyKeys, now_us: int, window_us: int) -> PrivacyKeys:
    """A fresh key in front; the one that made until now is recognised for ``window_us`` more."""
    last = msgspec.structs.replace(keys.newest, retires_at=now_us + window_us)
    return PrivacyKeys((fresh_key(now_us), last, *keys.older), keys.serial + 1)


def encode(keys: PrivacyKeys) -> str:
    """The text that is kept in the store of secrets."""
    listed = [
        _Stored(
            key.secret, format_instant(key.made_at),
            None if key.retires_at is None else format_instant(key.retires_at),
        )
        for key in keys.keys
    ]  # fmt: skip
    return msgspec.json.encode(_Document(listed, keys.serial)).decode()


def decode(text: str) -> PrivacyKeys:
    """Read what was kept: a text of ``encode``, or a bare secret. Raises ``UsageError``."""
    text = text.strip()
    if not text.startswith("{"):
        return PrivacyKeys((key_of(text),))
    try:
        document = msgspec.json.decode(text, type=_Document)
    except msgspec.MsgspecError:
        raise UsageError("the kept secrets for pseudonyms cannot be read") from None
    keys = tuple(
        key_of(
            kept.secret, parse_instant(kept.made_at) or 0,
            None if kept.retires_at is None else parse_instant(kept.retires_at),
        )
        for kept in document.keys
    )  # fmt: skip
    if not keys or keys[0].retires_at is not None:
        raise UsageError("the kept secrets for pseudonyms have no key that makes")
    return PrivacyKeys(keys, document.serial)


def _octets(secret: str) -> bytes:
    """The bytes of a secret; an environment variable need not be UTF-8."""
    return secret.encode("utf-8", "surrogateescape")
