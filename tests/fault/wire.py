"""HTTP to a server that may die at any moment: a request is sent until somebody answers it."""

import http.client
import json
import threading
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_PAUSE_S = 0.02
_TIMEOUT_S = 60.0
_BUSY = (429, 503)

Where = Callable[[], str]


class GaveUpError(Exception):
    """Told to stop before an answer came: the request may or may not have been carried out."""


class Reply(NamedTuple):
    status: int
    body: Any
    sent_once: bool
    """No earlier try of this request can have been carried out."""


class Wire:
    """One keep-alive connection. Not for two threads.

    A live connection is never abandoned (the timeout is longer than any outage here), so a
    request that was sent cannot be carried out after its retry.
    """

    def __init__(self, where: Where, key: str, give_up: threading.Event) -> None:
        self._where, self._key, self._give_up = where, key, give_up
        self._connection: http.client.HTTPConnection | None = None
        self._url = ""
        self.retries = 0

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "json") -> Reply:
        """The first answer that is one; ``kind`` is "json" or "x-ndjson"."""
        sent_once = True
        while True:
            try:
                status, text = self._try(method, path, body, kind)
            except (OSError, http.client.HTTPException):
                status, text, sent_once = 0, b"", False
            if status and status not in _BUSY and self._url == self._where():
                return Reply(status, json.loads(text), sent_once)
            self.close()
            self.retries += 1
            if self._give_up.wait(_PAUSE_S):
                raise GaveUpError

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, method: str, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
        if self._connection is None:
            self._url = self._where()
            to = urlsplit(self._url)
            self._connection = http.client.HTTPConnection(to.netloc, timeout=_TIMEOUT_S)
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": f"application/{kind}",
        }
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()
