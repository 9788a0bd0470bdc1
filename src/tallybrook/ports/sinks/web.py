"""An HTTP receiver: events posted as PutEvents bodies, signed.

``Tallybrook-Signature`` signs time and body where a secret is set (``ports.signing``), and
``Tallybrook-Batch-Id`` is the same whenever the same events are posted. A user and password in the
address are sent as basic authentication.

A 2xx takes all of them, but for those that an answer in PutEvents' form refuses by name. 400, 413
and 422 blame what was sent: it is posted in halves until the events that are meant stand alone.
Anything else (401, 403, 404, 408, 429, 5xx, no answer) blames no event, and is tried again.
"""

import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from tallybrook.errors import RetryableError
from tallybrook.events.ids import content_id
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.signing import HEADER, signature
from tallybrook.ports.sinks import Item, Refusal
from tallybrook.ports.sinks.encoding import line, put_events

MAX_ITEMS = 100
MAX_BODY_BYTES = 4_000_000
"""Pinpoint's own limits: 100 events and 4 MB a request."""

TIMEOUT_S = 20.0
MAX_RETRY_AFTER_S = 3600
_BLAMED = frozenset({400, 413, 422})
_HEADROOM = 200


class _ItemAnswer(Struct):
    code: int = msgspec.field(name="StatusCode", default=202)
    message: str = msgspec.field(name="Message", default="")


class _EndpointAnswer(Struct):
    events: dict[str, _ItemAnswer] = msgspec.field(name="EventsItemResponse", default={})


class _Answer(Struct):
    results: dict[str, _EndpointAnswer] = msgspec.field(name="Results", default={})


class HttpSink:
    """``ports.sinks.Sink`` over an address. ``secret`` may be empty: then nothing is signed."""

    def __init__(self, url: str, secret: str = "", clock: Clock = system_clock) -> None:
        self._url, self._secret, self._clock = url, secret, clock
        self._client = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)

    def send(self, items: Sequence[Item]) -> list[Refusal]:
        refusals: list[Refusal] = []
        for batch in batches(items):
            refusals += self._post(batch, [items[index] for index in batch])
        return refusals

    def close(self) -> None:
        self._client.close()

    def _post(self, batch: range, items: Sequence[Item]) -> list[Refusal]:
        answer = self._answer(put_events(items), content_id(*(item.event_id for item in items)))
        if answer.is_success:
            return _refused(answer.content, batch, items)
        if answer.status_code not in _BLAMED:
            raise RetryableError(
                f"the receiver answered {answer.status_code}",
                retry_after_s(answer.headers.get("retry-after", "")),
            )
        if len(items) == 1:
            detail = f"the receiver answered {answer.status_code}: {answer.text[:200]}"
            return [Refusal(batch[0], "refused", detail)]
        half = len(items) // 2
        return [
            *self._post(batch[:half], items[:half]),
            *self._post(batch[half:], items[half:]),
        ]

    def _answer(self, body: bytes, batch_id: str) -> httpx.Response:
        headers = {"Content-Type": "application/json", "Tallybrook-Batch-Id": batch_id}
        if self._secret:
            headers[HEADER] = signature(self._secret, self._clock() // 1_000_000, body)
        try:
            return self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise RetryableError(f"the receiver: {type(error).__name__}: {error}") from error


def batches(items: Sequence[Item]) -> Iterator[range]:
    """Runs of items that one body holds."""
    start = size = 0
    for index, item in enumerate(items):
        more = len(line(item)) + _HEADROOM
        if index > start and (index - start == MAX_ITEMS or size + more > MAX_BODY_BYTES):
            yield range(start, index)
            start, size = index, 0
        size += more
    if start < len(items):
        yield range(start, len(items))


def retry_after_s(text: str) -> int:
    """The seconds that a ``Retry-After`` header asks for, at least one and at most an hour."""
    seconds = 0.0
    if text.strip().isdecimal():
        seconds = float(text)
    elif text:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (TypeError, ValueError):
            seconds = 0.0  # no date: as if it were not there
    return int(min(max(seconds, 1), MAX_RETRY_AFTER_S))


def _refused(body: bytes, batch: range, items: Sequence[Item]) -> list[Refusal]:
    """The items that an answer in PutEvents' form names as not valid; other answers name none."""
    try:
        results = msgspec.json.decode(body, type=_Answer).results
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return []
    refusals: list[Refusal] = []
    for index, item in zip(batch, items, strict=True):
        endpoint: Any = results.get(item.endpoint)
        said = endpoint.events.get(item.event_id) if endpoint else None
        if said is not None and said.code in _BLAMED:
            refusals.append(Refusal(index, "refused", said.message or str(said.code)))
        elif said is not None and said.code >= 300:
            raise RetryableError(f"the receiver answered {said.code} for {item.event_id}")
    return refusals
