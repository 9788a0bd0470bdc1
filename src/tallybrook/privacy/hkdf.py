"""HKDF with SHA-256 (RFC 5869): many keys out of one secret. Pure.

Ten lines over ``hmac`` instead of a package that would be the largest of a function's bundle; the
test holds them to the vectors of the RFC (docs/decisions/0009-pseudonyms.md).
"""

import hmac

HASH_BYTES = 32
MAX_BYTES = 255 * HASH_BYTES


def hkdf(secret: bytes, *, salt: bytes = b"", info: bytes, length: int = HASH_BYTES) -> bytes:
    """``length`` bytes (1 to 8160) that depend on all of ``secret``, ``salt`` and ``info``."""
    if not 1 <= length <= MAX_BYTES:
        raise ValueError(f"HKDF gives 1 to {MAX_BYTES} bytes")
    key = hmac.digest(salt or bytes(HASH_BYTES), secret, "sha256")
    made, block, count = b"", b"", 0
    while len(made) < length:
        count += 1
        block = hmac.digest(key, block + info + bytes([count]), "sha256")
        made += block
    return made[:length]
