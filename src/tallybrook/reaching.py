"""How httpx reaches an address: past the proxies, and without certificates, where that is right."""

import ssl
from typing import Any

import httpx

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody. Reading those that a machine trusts takes a client some 35 ms, for nothing where
nothing is encrypted."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def reaching(url: str) -> dict[str, Any]:
    """httpx's options for a client of this address alone."""
    address = httpx.URL(url)
    return {
        "base_url": url,
        # A proxy from the environment is never the way to this machine.
        "trust_env": address.host not in _LOOPBACK,
        "verify": NO_AUTHORITIES if address.scheme == "http" else True,
    }
