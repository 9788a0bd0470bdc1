"""HKDF gives what RFC 5869 says it gives."""

import pytest

from tallybrook.privacy.hkdf import MAX_BYTES, hkdf

# RFC 5869, appendix A.1 to A.3 (SHA-256): secret, salt, info, length, what comes of them.
VECTORS = [
    (
        b"\x0b" * 22,
        bytes(range(0x0D)),
        bytes(range(0xF0, 0xFA)),
        42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        82,
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        "cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        b"\x0b" * 22,
        b"",
        b"",
        42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("secret", "salt", "info", "length", "okm"), VECTORS)
def test_the_vectors_of_the_rfc(
    secret: bytes, salt: bytes, info: bytes, length: int, okm: str
) -> None:
    """All three for SHA-256, byte by byte."""
    assert hkdf(secret, salt=salt, info=info, length=length).hex() == okm


def test_lengths() -> None:
    """Any of 1 to 8160 bytes, shorter ones the beginning of longer ones; others are refused."""
    longest = hkdf(b"s", info=b"i", length=MAX_BYTES)
    assert len(longest) == 8160
    assert longest.startswith(hkdf(b"s", info=b"i", length=1))
    for length in (0, MAX_BYTES + 1):
        with pytest.raises(ValueError, match="8160"):
            hkdf(b"s", info=b"i", length=length)
