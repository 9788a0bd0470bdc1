"""Where the keys come from: the environment, or the store of secrets, in which they rotate."""

from collections.abc import Iterator
from contextlib import contextmanager

from tallybrook.errors import ConflictError, UsageError
from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.ports.secrets import Secrets
from tallybrook.ports.state import ABSENT, State
from tallybrook.privacy.keys import PrivacyKeys, decode, encode, fresh_key, key_of, rotated
from tallybrook.privacy.people import forget_all

SECRET_NAME = "privacy"
MIN_WINDOW_US = DAY_US
"""Longer than any process may still make with the key before (``ports.secrets.CACHE_S``)."""

_LEASE = ("privacy", "rotating")
_LEASE_S = 900


def load(
    secrets: Secrets | None,
    now_us: int,
    *,
    given: str | None = None,
    given_older: str = "",
    make: bool = False,
) -> PrivacyKeys:
    """The keys in use.

    ``given`` is the secret of the environment and makes where there is one; ``given_older`` are
    those before it, apart by white space. Kept keys are recognised behind them, or make where none
    is given. With ``make`` a secret is made where there is none at all; else that is a
    ``UsageError``, as is a secret below 32 bytes.
    """
    if given is None and given_older.strip():
        raise UsageError("TALLYBROOK_OLDER_SECRETS needs TALLYBROOK_SECRET")
    if given is not None:
        keys = PrivacyKeys((key_of(given),)).also(key_of(old) for old in given_older.split())
        kept = secrets.get(SECRET_NAME) if secrets else None
        return keys.also(decode(kept).keys if kept else ()).at(now_us)
    if secrets is None:
        raise _missing()
    text = secrets.create(SECRET_NAME, lambda: _first(now_us)) if make else _kept(secrets)
    return decode(text).at(now_us)


def rotate(secrets: Secrets, state: State, now_us: int, window_us: int) -> PrivacyKeys:
    """Make a fresh key that makes from now on; the last one is recognised for ``window_us``.

    Keys whose window is over go, and with them everybody's secret under them. Other processes
    follow within ``CACHE_S``. Raises ``ConflictError`` while another rotation runs.
    """
    if window_us < MIN_WINDOW_US:
        raise UsageError("the window of an old key is a day or more")
    with _alone(state, now_us):
        keys = rotated(_drop_retired(secrets, state, now_us), now_us, window_us)
        secrets.put(SECRET_NAME, encode(keys))
        return keys


def drop_retired(secrets: Secrets, state: State, now_us: int) -> PrivacyKeys:
    """Destroy the keys whose window is over, and everybody's secret under them."""
    with _alone(state, now_us):
        return _drop_retired(secrets, state, now_us)


def _drop_retired(secrets: Secrets, state: State, now_us: int) -> PrivacyKeys:
    keys = decode(_kept(secrets, fresh=True))
    left = keys.at(now_us)
    for key in keys.keys:
        if key not in left.keys:
            forget_all(state, key)
    if left.keys != keys.keys:
        # Twice: Secrets Manager keeps the version before the last, and that has the key in it.
        for _ in range(2):
            left = PrivacyKeys(left.keys, left.serial + 1)
            secrets.put(SECRET_NAME, encode(left))
    return left


@contextmanager
def _alone(state: State, now_us: int) -> Iterator[None]:
    """One at a time reads and replaces the keys: the store of secrets has no conditions."""
    until = now_us // 1_000_000 + _LEASE_S
    said = format_instant(now_us).encode()
    try:
        version = state.put(*_LEASE, said, expect=ABSENT, expires_at_s=until)
    except ConflictError:
        raise ConflictError("the keys are being changed by somebody else: try again") from None
    try:
        yield
    finally:
        state.delete(*_LEASE, expect=version)


def _kept(secrets: Secrets, *, fresh: bool = False) -> str:
    text = secrets.get(SECRET_NAME, fresh=fresh)
    if text is None:
        raise _missing()
    return text


def _first(now_us: int) -> str:
    return encode(PrivacyKeys((fresh_key(now_us),)))


def _missing() -> UsageError:
    return UsageError(
        "there is no secret to make pseudonyms with: set TALLYBROOK_SECRET (32 bytes or more) or "
        f"keep one as {SECRET_NAME!r} in the store of secrets"
    )
