"""Talking to a running product over HTTP, with patience where it helps."""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import httpx
import msgspec

from tallybrook.errors import RetryableError, TerminalError
from tallybrook.reaching import reaching

JSON = "application/json"
_RETRIED = frozenset({429, 502, 503, 504})
_MAX_WAIT_S = 10.0
_FIRST_WAIT_S = 0.1


class RefusedError(TerminalError):
    """The product answered with a problem document; trying again gives the same."""


class Api:
    """One connection pool to the product at ``url`` with ``key``.

    ``patience_s`` is how long a call is retried, counted from its start, when the product is
    away, restarting or over its limits. Retried calls must be safe to repeat: all that the
    command line makes are (events carry their ids).
    """

    def __init__(self, url: str, key: str | None, patience_s: float = 0.0) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.url = url.rstrip("/")
        self._patience_s = patience_s
        self._client = httpx.Client(**reaching(self.url), headers=headers, timeout=320.0)
        self._wait: Callable[[float], object] = time.sleep

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The decoded JSON of a GET. Raises ``RefusedError`` or ``RetryableError``."""
        return self.call("GET", path, params=dict(params or {}))

    def post(self, path: str, body: bytes, content_type: str = JSON) -> Any:
        """The decoded JSON of a POST. Raises as ``get``."""
        return self.send("POST", path, body, content_type)

    def send(self, method: str, path: str, body: bytes, content_type: str = JSON) -> Any:
        """The decoded JSON of any request with a body. Raises as ``get``."""
        headers = {"Content-Type": content_type} if body else {}
        return self.call(method, path, content=body, headers=headers)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The decoded JSON of a request with httpx's options. Raises as ``get``."""
        deadline = time.monotonic() + self._patience_s
        tries = 0
        while True:
            try:
                return _decoded(self._client.request(method, path, **options))
            except httpx.HTTPError as error:
                problem = RetryableError(self._unreachable(error), retry_after_s=0)
            except RetryableError as error:
                problem = error
            tries += 1
            wait_s = pause_s(tries, problem.retry_after_s)
            if time.monotonic() + wait_s > deadline:
                raise problem
            self._wait(wait_s)

    def stream(self, method: str, path: str, body: bytes) -> AbstractContextManager[httpx.Response]:
        """A response whose body is read piece by piece, whatever its status."""
        return self._client.stream(method, path, content=body, headers={"Content-Type": JSON})

    def _unreachable(self, error: httpx.HTTPError) -> str:
        if isinstance(error, httpx.ConnectError):
            return f"nothing answers at {self.url}: is it running (tallybrook serve)?"
        return f"the connection to {self.url} failed: {error or type(error).__name__}"


def pause_s(tries: int, retry_after_s: float) -> float:
    """How long to wait after the ``tries``-th failure: what the product asked for, or doubling.

    Jitter on both, so that clients that were refused together do not come back together.
    """
    doubling: float = min(_MAX_WAIT_S, _FIRST_WAIT_S * 2 ** (tries - 1))
    return max(retry_after_s, doubling) * random.uniform(1.0, 1.25)


def _decoded(response: httpx.Response) -> Any:
    if response.is_success:
        return msgspec.json.decode(response.content) if response.content else None
    detail = f"{response.status_code} {problem_text(response.content)}"
    if response.status_code in _RETRIED:
        raise RetryableError(detail, retry_after_s=_retry_after_s(response))
    error = RefusedError(detail)
    error.status = response.status_code
    raise error


def _retry_after_s(response: httpx.Response) -> int:
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isdecimal() else 0


def problem_text(body: bytes) -> str:
    """One line from a problem document: its detail and each field's fault."""
    try:
        problem = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body[:200].decode(errors="replace")
    if not isinstance(problem, dict):
        return str(problem)[:200]
    said = [str(problem.get("detail") or problem.get("title") or "")]
    for error in problem.get("errors") or ():
        if error.get("detail") != said[0]:
            said.append(f"{error.get('pointer', '')} {error.get('detail', '')}".strip())
    return "; ".join(said)
