"""A client of an AppSync or Amplify API: an API key, a kept client behind it, and patience."""

import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError, TransportQueryError, TransportServerError
from gql.transport.httpx import HTTPXTransport
from msgspec import Struct, field

from tallybrook.errors import RetryableError, TallybrookError, TerminalError, UsageError

TRIES = 6
TIMEOUT_S = 30.0
_FIRST_WAIT_S, _MAX_WAIT_S = 0.2, 10.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_RETRIED_TYPES = (
    "ExecutionTimeout",
    "InternalFailure",
    "InternalServerError",
    "LimitExceeded",
    "ProvisionedThroughputExceeded",
    "ServiceUnavailable",
    "Throttl",
    "Timeout",
    "TooManyRequests",
)
"""Parts of the error types that say: the same call later."""

# Both print every request at INFO.
for _chatty in ("gql", "httpx"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)


class ApiError(TerminalError):
    """The API refused the request; ``errors`` of the answer are in ``said``."""

    status, slug, title = 502, "api-refused", "The API refused the request"

    def __init__(self, detail: str, said: list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail)
        self.said = said or []


class Endpoint(Struct, frozen=True):
    """Where an API is, and the key to it."""

    url: str
    api_key: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Endpoint":
        """From ``PLEXUS_API_URL`` or ``GRAPHQL_ENDPOINT``, and ``…_API_KEY``.

        Raises ``UsageError`` when there is no such thing.
        """
        env = os.environ if env is None else env
        url = env.get("PLEXUS_API_URL") or env.get("GRAPHQL_ENDPOINT") or ""
        if urlsplit(url).scheme not in ("http", "https"):
            raise UsageError("set PLEXUS_API_URL or GRAPHQL_ENDPOINT to the API's address")
        return cls(url, env.get("PLEXUS_API_KEY") or env.get("GRAPHQL_API_KEY") or "")


class Answer(Struct):
    """Data, and the errors that came with it (none of them worth another try)."""

    data: dict[str, Any] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)


class Api:
    """One connection pool to an API. Any number of threads may call it.

    Every call is tried again after throttles, 5xx and broken connections, with full jitter: only
    what may be repeated must be sent.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        tries: int = TRIES,
        timeout_s: float = TIMEOUT_S,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        transport = HTTPXTransport(
            endpoint.url,
            headers={"x-api-key": endpoint.api_key} if endpoint.api_key else {},
            timeout=timeout_s,
            event_hooks={"response": [_require_service]},
            # A proxy from the environment is never the way to this machine.
            trust_env=urlsplit(endpoint.url).hostname not in _LOOPBACK,
        )
        self._client = Client(transport=transport, execute_timeout=None)
        self._session = self._client.connect_sync()  # type: ignore[no-untyped-call]
        self._tries = tries
        self._wait = wait

    def close(self) -> None:
        self._client.close_sync()  # type: ignore[no-untyped-call]

    def query(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of a request. Raises ``ApiError`` for any error in the answer."""
        answer = self.run(text, variables)
        if answer.errors:
            refuse(answer.errors)
        return answer.data

    def run(self, text: str, variables: Mapping[str, Any]) -> Answer:
        """Data and errors. Raises ``RetryableError`` when patience ends, else ``ApiError``."""
        request = GraphQLRequest(text, variable_values=dict(variables))
        for attempt in range(1, self._tries + 1):
            try:
                return self._once(request)
            except RetryableError as error:
                if attempt == self._tries:
                    raise
                longest = min(_MAX_WAIT_S, _FIRST_WAIT_S * 2**attempt)
                self._wait(max(random.uniform(0, longest), error.retry_after_s))
        raise AssertionError("unreachable")

    def _once(self, request: GraphQLRequest) -> Answer:
        try:
            return Answer(self._session.execute(request))
        except TransportQueryError as error:
            errors = list(error.errors or [])
            if any(is_retryable(said) for said in errors):
                raise RetryableError(f"the API: {error}", retry_after_s=0) from None
            return Answer(error.data or {}, errors)
        except TransportServerError as error:
            raise ApiError(f"the API answered {error.code}") from None
        except TransportError as error:
            cause = error.__cause__
            if isinstance(cause, TallybrookError):
                raise cause from None
            if isinstance(cause, httpx.TransportError):
                what = str(cause) or type(cause).__name__
                raise RetryableError(f"the API cannot be reached: {what}", 0) from None
            raise ApiError(f"not a GraphQL answer: {str(error)[:200]}") from None

    def pages(
        self, text: str, field_name: str, variables: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Every item of a list field, over all pages.

        The query takes ``$nextToken``. Raises as ``query``, and ``ApiError`` when the pages go
        round in a circle.
        """
        token: str | None = None
        seen: set[str] = set()
        while True:
            page = self.query(text, {**variables, "nextToken": token}).get(field_name)
            if not isinstance(page, dict):
                raise ApiError(f"{field_name} has no page")
            yield from (item for item in page.get("items") or () if item is not None)
            token = page.get("nextToken")
            if not token:
                return
            if token in seen:
                raise ApiError(f"{field_name}: the pages go round in a circle")
            seen.add(token)


def is_retryable(error: Mapping[str, Any]) -> bool:
    """Whether an error of an answer says: the same call later."""
    kind = type_of(error)
    return any(part in kind for part in _RETRIED_TYPES)


def type_of(error: Mapping[str, Any]) -> str:
    """The type of an error: AppSync tells it beside the message, others among the extensions."""
    extensions = error.get("extensions") or {}
    return str(error.get("errorType") or extensions.get("errorType") or "")


def refuse(errors: list[dict[str, Any]]) -> NoReturn:
    """Raise ``ApiError`` that says what the first of these says."""
    first = errors[0]
    detail = ": ".join(filter(None, (type_of(first), str(first.get("message", "")))))
    raise ApiError(f"the API refused it: {detail}", errors)


def _require_service(response: httpx.Response) -> None:
    """httpx's hook: a status that says "later", before anybody reads the body as an answer."""
    if response.status_code in _RETRIED_STATUS:
        after = response.headers.get("retry-after", "")
        raise RetryableError(
            f"the API answered {response.status_code}",
            retry_after_s=int(after) if after.isdecimal() and len(after) < 4 else 0,
        )
