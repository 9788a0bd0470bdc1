"""Messages of two AIs: what queues, works off and reads them, on both backends."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from tallybrook.events.model import Event
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import FailedRecord, Write
from tallybrook.settings import Settings
from tallybrook.wiring.parts import Agreement

if TYPE_CHECKING:
    from tallybrook.assessments.dual_ai.processing import Ports
    from tallybrook.assessments.dual_ai.sending import Append
    from tallybrook.assessments.dual_ai.watching import Drift, Telling
    from tallybrook.ports.bus import Bus
    from tallybrook.ports.log import Log
    from tallybrook.ports.queue.local import SqliteQueue
    from tallybrook.ports.state import Change, State

MAX_RECEIVES = 8
_FOR_EVER = 1 << 30

KeepFailed = Callable[[FailedRecord], None]


def check_token_prices(settings: Settings) -> None:
    """Raise ``UsageError`` for prices that cannot be used."""
    from tallybrook.costs.tokens import token_prices

    token_prices(settings.token_prices)


def aws_agreement(settings: Settings, state: "State") -> Agreement:
    """The agreement of a stack."""
    from tallybrook.ports.queue.aws import SqsQueue

    return Agreement(SqsQueue(f"{settings.stack}-agreement"), state)


def aws_measuring(
    settings: Settings, agreement: Agreement, log: "Log", keep_failed: KeepFailed, clock: Clock
) -> "Ports":
    """What the function of a stack works with."""
    from tallybrook.ports.bus.aws import EventBridgeBus

    bus = EventBridgeBus(settings.stack)
    return measuring_ports(settings, agreement.state, bus, appending(log), keep_failed, clock)


def outside_queue(settings: Settings, clock: Clock = system_clock) -> "SqliteQueue":
    """Events that other processes of a data directory have for its log. They are never given up."""
    from tallybrook.ports.log.relay import QUEUE
    from tallybrook.ports.queue.local import SqliteQueue

    path = settings.data_path / "queue.db"
    return SqliteQueue(path, QUEUE, max_receives=_FOR_EVER, clock=clock)


def measuring_ports(
    settings: Settings, state: "State", bus: "Bus", append: "Append", keep_failed: KeepFailed,
    clock: Clock = system_clock,
) -> "Ports":  # fmt: skip
    """What ``process`` works with, on any backend."""
    from tallybrook.assessments.dual_ai.processing import Ports
    from tallybrook.costs.tokens import token_prices

    prices = token_prices(settings.token_prices)
    return Ports(state, bus, append, keep_failed, prices, telling(clock))


def appending(log: "Log") -> "Append":
    """What writes events, for a process that writes the log itself."""

    def append(events: Sequence[Event]) -> None:
        log.write(Write(events=events))

    return append


@contextmanager
def measuring(
    settings: Settings, keep_failed: KeepFailed, clock: Clock = system_clock
) -> Iterator[None]:
    """Work off the messages of a data directory for as long as the block lasts."""
    from tallybrook.assessments.dual_ai.working import work_once
    from tallybrook.ports.bus.local import LocalBus
    from tallybrook.ports.log.relay import handing
    from tallybrook.ports.working import working
    from tallybrook.wiring.local import open_local_state

    with ExitStack() as opened:
        state = opened.enter_context(closing(open_local_state(settings, clock)))
        bus = opened.enter_context(closing(LocalBus(settings.data_path / "bus.db", clock=clock)))
        queue = opened.enter_context(closing(agreement_queue(settings, clock)))
        outside = opened.enter_context(closing(outside_queue(settings, clock)))
        ports = measuring_ports(settings, state, bus, handing(outside), keep_failed, clock)
        opened.enter_context(working(partial(work_once, queue, ports, clock), "agreement"))
        yield


def agreement_queue(settings: Settings, clock: Clock = system_clock) -> "SqliteQueue":
    """The queue of a data directory; any process may open it."""
    from tallybrook.assessments.dual_ai.envelope import SOURCE
    from tallybrook.ports.queue.local import SqliteQueue

    path = settings.data_path / "queue.db"
    return SqliteQueue(path, SOURCE, max_receives=MAX_RECEIVES, clock=clock)


def telling(clock: Clock) -> "Telling":
    """Drift among the alerts of the entities."""
    from tallybrook.assessments.dual_ai.watching import Telling
    from tallybrook.entities.raising import ending

    def end(account_id: str, alert_id: str, at_us: int) -> "list[Change]":
        return ending(account_id, alert_id, at_us, clock())

    return Telling(lambda drift: _raise(drift, clock()), end)


def _raise(drift: "Drift", now_us: int) -> "list[Change]":
    from tallybrook.assessments.dual_ai.watching import ALERT_TYPE, ENTITY_ID, ENTITY_TYPE
    from tallybrook.entities.alerts import Alert, Kept
    from tallybrook.entities.raising import raising
    from tallybrook.events.instants import format_instant

    alert = Alert(
        drift.alert_id, ALERT_TYPE, "warning", ENTITY_ID, ENTITY_TYPE, drift.details,
        drift.message, format_instant(drift.at),
    )  # fmt: skip
    return raising(Kept(drift.account_id, drift.at, alert), now_us)
