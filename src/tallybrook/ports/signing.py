"""How what we post to others is signed.

``Tallybrook-Signature: t=<epoch seconds>,v1=<hex>`` holds HMAC-SHA-256 of ``<t>.<body>`` under the
secret: a receiver compares it in constant time and refuses a ``t`` that is too old.
"""

import hashlib
import hmac

HEADER = "Tallybrook-Signature"
MIN_SECRET = 16
"""Characters of a secret that something may be signed with."""


def signature(secret: str, at_s: int, body: bytes) -> str:
    """The header's value for a body that is sent at an epoch second."""
    digest = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"
