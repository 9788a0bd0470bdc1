"""Pseudonyms are those of the specification: the same for the same person, and for nobody else."""

import hashlib
import hmac
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.errors import UsageError
from tallybrook.events.instants import DAY_US
from tallybrook.privacy.keys import (
    MIN_SECRET_BYTES,
    PrivacyKeys,
    decode,
    encode,
    fresh_key,
    key_of,
    rotated,
)
from tallybrook.privacy.pseudonyms import assessment_id, lookup, person, session_id

KEY = key_of("0123456789abcdef" * 2)
OTHER_KEY = key_of("fedcba9876543210" * 2)
SECRET = bytes(range(32))
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def hkdf_32(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF for one block, written out."""
    extracted = hmac.new(salt, secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def test_the_formula() -> None:
    """``kid_`` and 32 hex digits of HMAC-SHA-256(K_user, user NUL account NUL NFC(strip(id)))."""
    k_user = hkdf_32(KEY.secret.encode(), SECRET, b"tallybrook user")
    text = b"user\0acme\0" + "Zoë".encode()
    expected = f"{KEY.kid}_{hmac.new(k_user, text, hashlib.sha256).hexdigest()[:32]}"
    assert person(KEY, SECRET, "acme", "  Zoe\u0308\n").anonymous_user_id == expected


def test_known_names() -> None:
    """They do not change from one version to the next: stored rows depend on them."""
    who = person(KEY, SECRET, "acme", "user-17")
    assert who.anonymous_user_id == "ka631b1a2_ffa4a08200cbfde3d5502698aee23dc9"
    assert session_id(who, "s-1") == "ka631b1a2_f609caeea995aa797a547ba91b4f6a35"
    assert assessment_id(who, "a-1") == "ka631b1a2_1d234b3ef2df5eeee0767c4651946493"
    assert lookup(KEY, "acme", "user-17") == "25b781609595339047ad636ccc0e9e88"


@given(ids, st.sampled_from(["", " ", "\t", "\u2003"]))
def test_one_person_has_one_name(user: str, space: str) -> None:
    """Whatever the form of the letters and the white space around them."""
    forms = [user, space + user + space, normalize("NFD", user), normalize("NFC", user)]
    assert len({person(KEY, SECRET, "acme", form) for form in forms}) == 1
    assert len({lookup(KEY, "acme", form) for form in forms}) == 1


@given(st.lists(ids, min_size=2, max_size=2, unique_by=lambda user: normalize("NFC", user.strip())))
def test_two_people_have_two_names(users: list[str]) -> None:
    """In sessions and assessments, too, under the same ids."""
    first, second = (person(KEY, SECRET, "acme", user) for user in users)
    assert first.anonymous_user_id != second.anonymous_user_id
    assert session_id(first, "s") != session_id(second, "s")
    assert assessment_id(first, "a") != assessment_id(second, "a")


def test_whatever_differs_makes_another_name() -> None:
    """Account, key and the person's random secret; and no name is that of another kind."""
    people = [
        person(KEY, SECRET, "acme", "u"),
        person(KEY, SECRET, "rival", "u"),
        person(OTHER_KEY, SECRET, "acme", "u"),
        person(KEY, bytes(32), "acme", "u"),
    ]
    named = [who.anonymous_user_id for who in people]
    named += [session_id(who, "x") for who in people] + [assessment_id(who, "x") for who in people]
    assert len({name[-32:] for name in named}) == len(named)
    assert lookup(KEY, "acme", "u") != lookup(KEY, "rival", "u") != lookup(OTHER_KEY, "rival", "u")


def test_no_text_has_a_secret() -> None:
    """Neither of a key nor of a person, in a message or a traceback that shows them."""
    who = person(KEY, SECRET, "acme", "u")
    said = f"{KEY!r} {PrivacyKeys((KEY,))!r} {who!r} {KEY} {who}"
    assert KEY.secret not in said
    assert repr(SECRET)[2:-1] not in said


@pytest.mark.parametrize("secret", ["", "short", "x" * (MIN_SECRET_BYTES - 1)])
def test_a_short_secret_is_refused(secret: str) -> None:
    """Below 32 bytes, and the message does not quote it."""
    with pytest.raises(UsageError, match="32 bytes") as error:
        key_of(secret)
    assert not secret or secret not in error.value.detail


def test_bytes_count_not_letters() -> None:
    """Sixteen letters of two bytes are enough; bytes that are no UTF-8 can be a secret."""
    assert key_of("ä" * 16).kid != key_of("ö" * 16).kid
    assert key_of("\udcff" * 32).kid.startswith("k")


def test_keys_are_kept_as_they_were() -> None:
    """With their order, times and windows; a bare secret is one key."""
    keys = rotated(rotated(PrivacyKeys((fresh_key(0),)), 5_000_000, DAY_US), 9_000_000, DAY_US)
    assert decode(encode(keys)) == keys
    assert keys.serial == 2
    assert [key.retires_at for key in keys.keys] == [
        None, 9_000_000 + DAY_US, 5_000_000 + DAY_US,
    ]  # fmt: skip
    assert decode("  0123456789abcdef0123456789abcdef\n").newest == KEY


def test_windows_end() -> None:
    """An old key is recognised before its instant and not from it on; the newest always is."""
    keys = rotated(PrivacyKeys((fresh_key(0),)), 0, DAY_US)
    assert keys.at(DAY_US - 1) == keys
    assert keys.at(DAY_US).keys == (keys.newest,)


@pytest.mark.parametrize(
    "text",
    [
        '{"keys": [], "serial": 1}',
        '{"keys": [{"secret": 7}], "serial": 1}',
        '{"keys": [{"secret": "SECRETSECRETSECRETSECRETSECRETSECRET", "made_at": "",'
        ' "retires_at": "2026-01-01T00:00:00Z"}], "serial": 1}',
        "{SECRET",
    ],
)
def test_damaged_keys_are_refused(text: str) -> None:
    """Rather than guessed; the message does not quote them."""
    with pytest.raises(UsageError) as error:
        decode(text)
    assert "SECRET" not in error.value.detail
