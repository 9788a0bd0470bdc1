"""HTTP over loopback, where nothing is encrypted."""

import ssl

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For ``httpx``'s ``verify``: trusts nobody. Reading those that a system trusts takes a client
some 35 ms of processor time, and none is asked about."""
