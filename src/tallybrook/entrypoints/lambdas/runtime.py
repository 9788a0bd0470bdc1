"""What one execution environment opens once, when first asked for, and keeps."""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache, wraps
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from tallybrook.errors import TallybrookError
from tallybrook.ports.bus import Bus
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import Commit, Log
from tallybrook.ports.log.consumer import Consumer
from tallybrook.ports.sockets import Sockets
from tallybrook.ports.telemetry import Telemetry
from tallybrook.settings import Settings
from tallybrook.wiring import (
    Entities,
    Positions,
    Stores,
    open_alert_bus,
    open_lake_writer,
    open_product,
    open_sequencer,
    open_sockets,
    open_telemetry,
)

if TYPE_CHECKING:
    from tallybrook.entrypoints.lambdas.metering import Meter

log = logging.getLogger("tallybrook.lambda")

Apply = Callable[..., list[Commit]]


class Opened(Struct, frozen=True):
    """The stack as a handler sees it."""

    settings: Settings
    clock: Clock
    log: Log
    stores: Stores
    positions: Positions | None = None

    def now_us(self) -> int:
        return self.clock()


@cache
def settings() -> Settings:
    """The settings of the environment. Raises ``UsageError`` naming the one that cannot be used."""
    found = Settings.from_env(backend="aws")
    logging.getLogger("tallybrook").setLevel(found.log_level.upper())
    return found


@cache
def opened() -> Opened:
    """The log and the stores; an error is not remembered, the next invocation tries again."""
    product = open_product(settings(), sql=False)
    return Opened(settings(), system_clock, product.log, product.stores, product.positions)


@cache
def sequencer() -> Apply:
    """Commits a delivery of the events table's stream."""
    return open_sequencer(settings(), opened().stores.failed.keep)


@cache
def entities() -> Entities:
    """The state of entities and their definitions. Raises ``UsageError`` for definitions that
    cannot be used."""
    return opened().stores.entities()


@cache
def alert_bus() -> Bus:
    """Where alerts are told."""
    return open_alert_bus(settings())


@cache
def sockets() -> Sockets:
    """The open WebSockets of the stack."""
    return open_sockets(settings())


@cache
def telemetry() -> Telemetry:
    """Metrics of the stack; whoever tells some flushes at the end of its invocation."""
    return open_telemetry(settings())


def lake_writer(
    lease_s: float,
) -> AbstractContextManager[tuple[Consumer, Callable[[], int]]]:
    """The consumer that writes the lake, and what does the oldest task that waits for it, for as
    long as the block lasts. Raises ``ConflictError`` while another one is at work."""
    return open_lake_writer(settings(), opened().stores.failed.keep, lease_s)


_begun_s = time.perf_counter()
_cold: list[float] = []
"""What initialising took in this environment, until an invocation has told of it."""

_calls: list[Callable[[], Mapping[str, int]]] = []
_committed: dict[str, tuple[int, int]] = {}
"""Events and bytes of each account that the present invocation has added to the log."""

E = TypeVar("E")
C = TypeVar("C")
R = TypeVar("R")


@cache
def meter() -> "Meter":
    """What adds up what this environment takes."""
    from tallybrook.entrypoints.lambdas.metering import Meter

    return Meter()


def metered(handler: Callable[[E, C], R]) -> Callable[[E, C], R]:
    """Have every invocation of a handler measured, however it ends."""
    name = handler.__module__.rpartition(".")[2]

    @wraps(handler)
    def invoked(event: E, context: C) -> R:
        begun_s = time.perf_counter()
        try:
            found = meter()
        except TallybrookError:
            return handler(event, context)  # which says what is wrong with the settings
        try:
            return handler(event, context)
        finally:
            calls, events = _calls[0]() if _calls else {}, dict(_committed)
            _committed.clear()
            found.invoked(name, begun_s, _cold.pop() if _cold else 0.0, calls, events)

    return invoked


def committed(commits: Sequence[Commit]) -> None:
    """Have the present invocation recorded as that of the accounts whose events these are."""
    for commit in commits:
        for account_id, (count, size) in commit.added.items():
            events, held = _committed.get(account_id, (0, 0))
            _committed[account_id] = (events + count, held + size)


def serves(calls: Callable[[], Mapping[str, int]]) -> None:
    """Who is asked, after each invocation, how many calls of which account it served."""
    _calls[:] = [calls]


_opened = opened
_KEPT = (opened, sequencer, entities, alert_bus, sockets, telemetry, settings, meter)


def prepare(*openers: Callable[[], object]) -> None:
    """Open while the function initialises what its first invocation would wait for. Where that
    fails, the first invocation tries again and tells why."""
    if "AWS_LAMBDA_RUNTIME_API" not in os.environ:
        return
    for opener in openers:
        try:
            opener()
        except TallybrookError as error:
            log.warning("not opened while initialising: %s", error)
    _cold[:] = [(time.perf_counter() - _begun_s) * 1000]


def forget() -> None:
    """Close everything, so that the next call opens what the environment names by then."""
    if _opened.cache_info().currsize:
        _opened().log.close()
        _opened().stores.close()
    _calls.clear()
    _committed.clear()
    for kept in _KEPT:
        kept.cache_clear()
