"""From the headers of a request to the key that opens it, with its scopes and its rate."""

import time
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping

from msgspec import Struct

from tallybrook.accounts.keys import ALL_SCOPES, DEFAULT_ACCOUNT, KeyRing, require_scope
from tallybrook.accounts.rates import TokenBucket
from tallybrook.errors import UnauthorizedError
from tallybrook.ports.keys import Key, Scope

_FRESH_S = 1.0
_MAX_CACHED = 10_000
OPEN = Key("none", DEFAULT_ACCOUNT, "", ALL_SCOPES, "authentication is off")


class Calls(Struct):
    """How many calls an account made since they were last taken away."""

    count: int = 0


class Principal(Struct):
    """A checked key; its buckets are shared by all requests that use it."""

    key: Key
    items: TokenBucket | None
    queries: TokenBucket | None
    calls: "Calls"

    def require(self, scope: Scope) -> None:
        """Raise ``ForbiddenError`` unless the key has the scope. Each call asks this once."""
        self.calls.count += 1
        require_scope(self.key, scope)

    def take(self, items: int) -> None:
        """Raise ``RateLimitedError`` when the key is over its rate."""
        if self.items is not None:
            self.items.take(items, time.monotonic())

    def take_query(self) -> None:
        """The same for the rate of queries."""
        if self.queries is not None:
            self.queries.take(1, time.monotonic())


class Gate:
    """Looks keys up once and remembers them; a change of any key empties the memory.

    Presented texts are looked up by their digest, and compared in constant time behind that. The
    memory is keyed by the text itself, through a hash that is seeded anew in each process.
    """

    def __init__(
        self, ring: KeyRing, *, required: bool = True, queries_a_minute: float = 0
    ) -> None:
        self._ring = ring
        self._required = required
        self._per_minute = queries_a_minute
        self._known: dict[str, Principal] = {}
        self._by_header: dict[bytes, Principal] = {}
        self._buckets: dict[str, tuple[TokenBucket | None, TokenBucket | None]] = {}
        self._calls: dict[str, Calls] = {}
        self._version = ring.version()
        self._checked_s = time.monotonic()

    def taken_calls(self) -> dict[str, int]:
        """Calls by account since this was last asked."""
        found = {}
        for account_id, calls in list(self._calls.items()):
            if count := calls.count:
                calls.count -= count
                found[account_id] = count
        return found

    @property
    def open(self) -> Principal:
        """The principal of calls that need no key."""
        return Principal(OPEN, None, None, Calls())

    def identify(self, presented: str | None) -> Principal:
        """The principal of a presented key. Raises ``UnauthorizedError``."""
        if not self._required:
            return self._principal(OPEN)
        if not presented:
            raise UnauthorizedError("send the key as `Authorization: Bearer KEY` or `X-API-Key`")
        if time.monotonic() - self._checked_s > _FRESH_S:
            self._refresh()
        found = self._known.get(presented)
        if found is None:
            found = self._principal(self._ring.check(presented))
            if len(self._known) >= _MAX_CACHED:
                self._known.clear()
            self._known[presented] = found
        return found

    def identify_header(self, authorization: bytes) -> Principal:
        """The principal of a raw ``Authorization`` header, without taking it apart again."""
        if time.monotonic() - self._checked_s > _FRESH_S:
            self._refresh()
        found = self._by_header.get(authorization)
        if found is None:
            headers = {"authorization": authorization.decode("latin-1")}
            found = self.identify(presented_key(headers))
            if len(self._by_header) >= _MAX_CACHED:
                self._by_header.clear()
            self._by_header[authorization] = found
        return found

    def _refresh(self) -> None:
        version = self._ring.version()
        if version != self._version:
            self._known.clear()
            self._by_header.clear()
            self._version = version
        self._checked_s = time.monotonic()

    def _principal(self, key: Key) -> Principal:
        buckets = self._buckets.get(key.key_id)
        if buckets is None:
            items = TokenBucket(key.rate) if key.rate else None
            queries = TokenBucket(self._per_minute / 60, self._per_minute)
            buckets = (items, queries if self._per_minute else None)
            self._buckets[key.key_id] = buckets
        return Principal(key, *buckets, self._calls.setdefault(key.account_id, Calls()))


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key in a request's headers, or None.

    ``Authorization`` as bearer, as basic with the key for user name, or as an AWS SDK signs with
    the key for access key id (whoever has the key needs no signature, so none is checked); else
    ``X-API-Key``; else, for WebSockets in a browser, which can set no header, a subprotocol
    ``key.KEY``.
    """
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        return _basic_user(value)
    if scheme == _AWS:
        return _access_key(value)
    if "x-api-key" in headers:
        return headers["x-api-key"].strip()
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        if protocol.strip().startswith("key."):
            return protocol.strip().removeprefix("key.")
    return None


_AWS = "AWS4-HMAC-SHA256"


def _access_key(value: str) -> str | None:
    """``Credential=KEY/date/region/service/aws4_request, SignedHeaders=...``"""
    credential = value.partition("Credential=")[2].partition(",")[0]
    return credential.rsplit("/", 4)[0] or None


def _basic_user(value: str) -> str | None:
    try:
        return b64decode(value, validate=True).decode("utf-8").partition(":")[0]
    except (Base64Error, UnicodeDecodeError, ValueError):
        return None
