"""Keys: made, checked, rotated, revoked; hashed at rest (SPEC 11)."""

import stat
from pathlib import Path

import pytest

from tallybrook.accounts.keys import KeyRing, require_scope
from tallybrook.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
)
from tallybrook.ports.keys.local import SqliteKeys

OWN = "a key of the operator's own"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


@pytest.fixture
def ring(path: Path) -> KeyRing:
    return KeyRing(SqliteKeys(path), lambda: 1_700_000_000_000_000)


def test_a_key_opens_its_account(ring: KeyRing) -> None:
    """A made key is checked to itself: account, scopes, label, rate."""
    made, text = ring.create("acme", ["read"], label="board", rate=5.0)
    assert ring.check(text) == made
    assert (made.account_id, made.scopes, made.label, made.rate) == (
        "acme", frozenset({"read"}), "board", 5.0,
    )  # fmt: skip


def test_keys_are_not_kept(ring: KeyRing, path: Path) -> None:
    """The file, readable by its owner alone, holds no secret of a key."""
    texts = [ring.create()[1], OWN]
    ring.create(presented=OWN)
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert all(text.rpartition("_")[2].encode() not in stored for text in texts)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "x", "tb_00000000_" + "0" * 40, "\udcff", "é", "k" * 100_000])
def test_unknown_keys(ring: KeyRing, text: str) -> None:
    """Any text that is no key is refused, and with the same words."""
    ring.create()
    with pytest.raises(UnauthorizedError):
        ring.check(text)


def test_rotating(ring: KeyRing) -> None:
    """The new text opens the same key; the old one nothing from then on."""
    made, old = ring.create("acme", ["write"])
    rotated, new = ring.rotate(made.key_id)
    assert (rotated.key_id, rotated.scopes) == (made.key_id, made.scopes)
    assert ring.check(new) == rotated
    with pytest.raises(UnauthorizedError):
        ring.check(old)


def test_revoking(ring: KeyRing) -> None:
    """A revoked key opens nothing, cannot be brought back by rotating, and stays listed."""
    made, text = ring.create()
    revoked = ring.revoke(made.key_id)
    assert ring.revoke(made.key_id) == revoked
    with pytest.raises(UnauthorizedError):
        ring.check(text)
    with pytest.raises(ConflictError):
        ring.rotate(made.key_id)
    assert ring.stored() == [revoked]


def test_unknown_ids(ring: KeyRing) -> None:
    """What is not there can be neither rotated nor revoked."""
    for call in (ring.rotate, ring.revoke):
        with pytest.raises(NotFoundError):
            call("00000000")


def test_the_first_key(path: Path) -> None:
    """A new directory gets one admin key, shown once; one that has keys gets none."""
    text = KeyRing(SqliteKeys(path)).first_key(None)
    assert text is not None
    again = KeyRing(SqliteKeys(path))
    assert again.first_key(None) is None
    assert "admin" in again.check(text).scopes


def test_the_operators_first_key(ring: KeyRing) -> None:
    """A given text is a key from then on, once; a revoked one stays revoked; short is refused."""
    assert ring.first_key(OWN) == OWN
    assert ring.first_key(OWN) is None
    ring.revoke(ring.check(OWN).key_id)
    assert ring.first_key(OWN) is None
    with pytest.raises(UnauthorizedError):
        ring.check(OWN)
    with pytest.raises(InvalidError):
        ring.first_key("short")


@pytest.mark.parametrize("account", ["", "Acme", "-a", "a b", "a/b", "x" * 64, "a\0", "é", "a\n"])
def test_account_names(ring: KeyRing, account: str) -> None:
    """An account is ``[a-z0-9][a-z0-9_-]{0,62}``."""
    with pytest.raises(InvalidError):
        ring.create(account)


@pytest.mark.parametrize("rate", [0, -1])
def test_rates_are_above_0(ring: KeyRing, rate: float) -> None:
    """A rate that lets nothing through is a mistake."""
    with pytest.raises(InvalidError):
        ring.create(rate=rate)


def test_scopes(ring: KeyRing) -> None:
    """A key does what its scopes say; admin does everything."""
    key, _ = ring.create(scopes=["read"])
    require_scope(key, "read")
    for scope in ("write", "query", "admin"):
        with pytest.raises(ForbiddenError):
            require_scope(key, scope)
    admin, _ = ring.create(scopes=["admin"])
    for scope in ("write", "query", "admin", "read"):
        require_scope(admin, scope)


def test_changes_are_seen_by_others(path: Path) -> None:
    """Another process sees a change of keys by its version, and the change itself."""
    mine, other = KeyRing(SqliteKeys(path)), KeyRing(SqliteKeys(path))
    key, text = mine.create()
    before = other.version()
    assert other.check(text) == key
    assert other.version() == before
    mine.revoke(key.key_id)
    assert other.version() != before
    with pytest.raises(UnauthorizedError):
        other.check(text)
