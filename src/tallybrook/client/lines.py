"""Requests over the wire: sent, and sent again while that can help. One for each kind of caller."""

import asyncio
import time
from collections.abc import Generator
from typing import Any, TypeVar

import httpx
from msgspec import Struct

from tallybrook.client.calls import Call
from tallybrook.client.forking import abandon, tell_after_fork
from tallybrook.client.replies import decoded, error_of
from tallybrook.client.retrying import pause_s
from tallybrook.errors import RetryableError, TallybrookError
from tallybrook.reaching import reaching

T = TypeVar("T")


class Pause(Struct, frozen=True):
    """What a script does between two calls."""

    seconds: float


Script = Generator[Call[Any] | Pause, Any, T]
"""Several calls that make up one: it gives out calls and pauses and is sent their replies."""


class Address(Struct, frozen=True):
    """Where the product is, who calls, and how patiently. ``retry_for_s`` is how long one call is
    tried again, from its start."""

    url: str
    key: str | None
    timeout_s: float
    retry_for_s: float

    def client_options(self) -> dict[str, Any]:
        """httpx's options."""
        return {
            **reaching(self.url),
            "headers": {"Authorization": f"Bearer {self.key}"} if self.key else {},
            "timeout": self.timeout_s,
        }


def _options(call: Call[Any]) -> dict[str, Any]:
    headers = {"Content-Type": call.content_type} if call.body else {}
    return {"params": call.params, "content": call.body, "headers": headers}


def _value(call: Call[T], reply: httpx.Response) -> T:
    """Raises the error that the reply says."""
    if not reply.is_success:
        raise error_of(reply.status_code, reply.headers, reply.content)
    value: T = decoded(reply.content, call.kind)
    return value


def _lost(url: str, error: httpx.HTTPError) -> RetryableError:
    if isinstance(error, httpx.ConnectError):
        return RetryableError(f"nothing answers at {url}", 0)
    return RetryableError(f"the connection to {url} failed: {error or type(error).__name__}", 0)


class Patience:
    """Raises a failure once its time is up; else says how long to wait before the next try."""

    def __init__(self, retry_for_s: float) -> None:
        self._deadline_s = time.monotonic() + retry_for_s
        self._tries = 0

    def after(self, error: RetryableError) -> float:
        self._tries += 1
        wait_s = pause_s(self._tries, error.retry_after_s)
        if time.monotonic() + wait_s > self._deadline_s:
            raise error
        return wait_s


class Line:
    """Calls from threads. Safe for several at once."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._http = httpx.Client(**address.client_options())
        tell_after_fork(self)

    def after_fork(self) -> None:
        abandon(self._http)
        self._http = httpx.Client(**self._address.client_options())

    def once(self, call: Call[T]) -> T:
        """The reply's value. Raises ``RetryableError`` or ``TerminalError``."""
        try:
            reply = self._http.request(call.method, call.path, **_options(call))
        except httpx.HTTPError as error:
            raise _lost(self._address.url, error) from error
        return _value(call, reply)

    def run(self, call: Call[T]) -> T:
        """The same, tried again for as long as the address says."""
        patience = Patience(self._address.retry_for_s)
        while True:
            try:
                return self.once(call)
            except RetryableError as error:
                time.sleep(patience.after(error))

    def play(self, script: Script[T]) -> T:
        """Run a script to its end; an error of a call is raised inside it."""
        step = next(script)
        try:
            while True:
                try:
                    step = script.send(self._step(step))
                except TallybrookError as error:
                    step = script.throw(error)
        except StopIteration as end:
            value: T = end.value
            return value

    def _step(self, step: Call[Any] | Pause) -> Any:
        if isinstance(step, Call):
            return self.run(step)
        time.sleep(step.seconds)
        return None

    def close(self) -> None:
        self._http.close()


class AsyncLine:
    """Calls from one event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._http = httpx.AsyncClient(**address.client_options())

    async def run(self, call: Call[T]) -> T:
        """As ``Line.run``."""
        patience = Patience(self._address.retry_for_s)
        while True:
            try:
                return await self._once(call)
            except RetryableError as error:
                await asyncio.sleep(patience.after(error))

    async def _once(self, call: Call[T]) -> T:
        try:
            reply = await self._http.request(call.method, call.path, **_options(call))
        except httpx.HTTPError as error:
            raise _lost(self._address.url, error) from error
        return _value(call, reply)

    async def play(self, script: Script[T]) -> T:
        """As ``Line.play``."""
        step = next(script)
        try:
            while True:
                try:
                    step = script.send(await self._step(step))
                except TallybrookError as error:
                    step = script.throw(error)
        except StopIteration as end:
            value: T = end.value
            return value

    async def _step(self, step: Call[Any] | Pause) -> Any:
        if isinstance(step, Call):
            return await self.run(step)
        await asyncio.sleep(step.seconds)
        return None

    async def close(self) -> None:
        await self._http.aclose()
