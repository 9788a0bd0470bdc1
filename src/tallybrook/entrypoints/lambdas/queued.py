"""A capability's own queue: its messages in hand, what has to come again and when.

The queue counts a try before it is made, so that a message that kills the function has no more of
them than another. After the last one it is a dead letter; the clock's call makes a failed record of
each of those.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.messages import Reading
from tallybrook.entrypoints.lambdas.records import unknown
from tallybrook.entrypoints.lambdas.storing import failures
from tallybrook.errors import RetryableError
from tallybrook.ports.queue import ORIGIN, Message, Queue
from tallybrook.ports.working import later

Messages = Sequence[Message]
Work = Callable[[Messages], Collection[str]]
"""Works off messages; the receipts of those that have to come again. Raises ``RetryableError``
where all of them have."""


class _Attributes(Struct):
    receives: str = msgspec.field(name="ApproximateReceiveCount", default="1")
    sent_ms: str = msgspec.field(name="SentTimestamp", default="0")


class _Value(Struct):
    text: str | None = msgspec.field(name="stringValue", default=None)


class _Record(Struct):
    message_id: str = msgspec.field(name="messageId")
    receipt: str = msgspec.field(name="receiptHandle")
    body: str
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)
    given: dict[str, _Value] | None = msgspec.field(name="messageAttributes", default=None)


def is_batch(event: object) -> bool:
    """Whether it is messages; anything else is the clock's call."""
    return isinstance(event, Mapping) and isinstance(event.get("Records"), list)


def work_off(event: Mapping[str, Any], source: str, queue: Queue, work: Work) -> dict[str, Any]:
    """Work off a batch; the answer names the messages that have to come again, after a pause that
    doubles each time. Raises ``RetryableError`` where all of them have."""
    messages = _messages(event["Records"], source)
    try:
        again = set(work(messages))
    except RetryableError:
        later(queue, messages)
        raise
    left = [one for one in messages if one.receipt in again]
    later(queue, left)
    return failures(one.message_id for one in left)


def _messages(records: Sequence[Any], source: str) -> list[Message]:
    """The messages; what is none is kept as a failed record."""
    found: list[Message] = []
    for record in records:
        try:
            found.append(_message(msgspec.convert(record, _Record)))
        except (msgspec.ValidationError, ValueError) as error:
            opened = runtime.opened()
            reading = Reading(opened.now_us())
            opened.stores.failed.keep(unknown(source, record, str(error), reading))
    return found


def _message(known: _Record) -> Message:
    origin = (known.given or {}).get(ORIGIN, _Value()).text
    return Message(
        known.message_id, origin or known.message_id, known.body, known.receipt,
        int(known.attributes.receives), int(known.attributes.sent_ms) * 1000,
    )  # fmt: skip
