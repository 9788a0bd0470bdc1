"""Working off messages of two AIs: read, measured, kept once, told.

Exactly once for each account, assessment and content: however often a message comes, in whatever
company and after whatever crash, it leaves one measurement, one event and notices of one id.
"""

import logging
from collections.abc import Callable, Sequence

from msgspec import Struct

from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.assessments.agreement.measure import Measurement, measure
from tallybrook.assessments.agreement.message import read_dual
from tallybrook.assessments.dual_ai.envelope import SOURCE, account_of
from tallybrook.assessments.dual_ai.keeping import keep_all
from tallybrook.assessments.dual_ai.sending import Append, publish_waiting
from tallybrook.assessments.dual_ai.watching import Telling, watch
from tallybrook.costs.tokens import TokenPrices
from tallybrook.errors import RetryableError, TerminalError
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.bus import Bus
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.queue import Message, Queue
from tallybrook.ports.state import State

_log = logging.getLogger("tallybrook.worker")


class Ports(Struct):
    """What messages are worked off with."""

    state: State
    bus: Bus
    append: Append
    keep_failed: Callable[[FailedRecord], None]
    prices: TokenPrices
    telling: Telling


class Delivery(Struct, frozen=True):
    """A message as it came. ``key`` is how its sender knows it; ``origin_id`` stays the same when
    it comes again. ``account_id`` in the body names the account, else it is the default one."""

    key: str
    origin_id: str
    body: bytes


class Processed(Struct):
    """``measured + duplicate + failed + len(again)`` is the number of deliveries. Those in
    ``again`` have to be delivered again, the others are done."""

    measured: int = 0
    duplicate: int = 0
    failed: int = 0
    again: list[str] = []


def process(deliveries: Sequence[Delivery], ports: Ports, now_us: int) -> Processed:
    """Work off a batch. What can never be read becomes a failed record; one message at fault spoils
    only itself. Raises ``StorageError`` when all of it has to be delivered again."""
    done = Processed()
    found: list[Measurement] = []
    for delivery in deliveries:
        try:
            one = _measured(delivery, ports, now_us)
        except RetryableError:
            done.again.append(delivery.key)
        except Exception:  # noqa: BLE001 - ours: logged, delivered again, at last a dead letter
            _log.exception("agreement: message %s", delivery.origin_id)
            done.again.append(delivery.key)
        else:
            done.failed += one is None
            found += [one] if one is not None else []
    done.measured = keep_all(ports.state, found, now_us)
    done.duplicate = len(found) - done.measured
    for account_id in sorted({one.account_id for one in found}):
        watch(ports.state, account_id, ports.telling, now_us)
    publish_waiting(ports.state, ports.bus, ports.append)
    return done


def _measured(delivery: Delivery, ports: Ports, now_us: int) -> Measurement | None:
    """None: it was kept as a failed record."""
    try:
        account_id = account_of(delivery.body)
        return measure(read_dual(delivery.body, account_id), ports.prices)
    except TerminalError as error:
        ports.keep_failed(failed_message(delivery, error, now_us))
        return None


def failed_message(delivery: Delivery, error: TerminalError, now_us: int) -> FailedRecord:
    """The failed record of a message; delivered again it has the same name."""
    try:
        account_id = account_of(delivery.body)
    except TerminalError:
        account_id = DEFAULT_ACCOUNT
    record = failed_record(
        error, delivery.body, account_id=account_id, source=SOURCE, now_us=now_us
    )
    record.failed_id = f"{SOURCE}-{delivery.origin_id}"
    return record


def keep_dead_letters(
    queue: Queue, keep_failed: Callable[[FailedRecord], None], now_us: int
) -> int:
    """Turn dead letters into failed records, how many. A crash in between keeps them once."""
    kept = 0
    while letters := queue.dead():
        for letter in letters:
            why = TerminalError(f"was received {letter.receives} times and never finished")
            record = failed_message(delivery_of(letter), why, now_us)
            record.reason, record.tries = "dead_letter", max(1, letter.receives)
            keep_failed(record)
        queue.discard([letter.message_id for letter in letters])
        kept += len(letters)
    return kept


def delivery_of(message: Message) -> Delivery:
    return Delivery(message.receipt, message.origin_id, message.body.encode())
