"""Alerts to the webhook. A rule of the bus puts them into a queue, this works it off.

The same tries as embedded: ten within about ten minutes, with pauses that grow; then the alert is
a failed record. A try is counted by the queue before it is made, so that a receiver that kills the
function has no more of them.
"""

from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.entities.webhook import MAX_TRIES, Webhook, given_up, pause_s
from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.messages import Reading
from tallybrook.entrypoints.lambdas.records import records_of, unknown
from tallybrook.entrypoints.lambdas.storing import failures
from tallybrook.errors import ConflictError, InvalidError, RetryableError
from tallybrook.ports.bus import Notice, notice_of
from tallybrook.wiring import open_alert_queue, open_alert_webhook

SOURCE = "webhook"


class _Attributes(Struct):
    receives: str = msgspec.field(name="ApproximateReceiveCount", default="1")


class _Message(Struct):
    message_id: str = msgspec.field(name="messageId")
    receipt: str = msgspec.field(name="receiptHandle")
    body: str
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)


class _BusEvent(Struct):
    kind: str = msgspec.field(name="detail-type")
    detail: msgspec.Raw


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Post a batch; the answer names the messages that have to come again. Raises
    ``StorageError`` where none can be sent."""
    opened = runtime.opened()
    again: list[str] = []
    # The secret is read each time: who changes it need not wait for old functions to go.
    with closing(open_alert_webhook(runtime.settings(), opened.clock)) as target:
        for record in records_of(event):
            try:
                message = msgspec.convert(record, _Message)
                notice = _notice(message.body)
            except (msgspec.MsgspecError, InvalidError) as error:
                reading = Reading(opened.now_us())
                opened.stores.failed.keep(unknown(SOURCE, record, str(error), reading))
                continue
            if not _settled(message, notice, target):
                again.append(message.message_id)
    return failures(again)


def _notice(body: str) -> Notice:
    found = msgspec.json.decode(body, type=_BusEvent)
    return notice_of(found.kind, bytes(found.detail))


def _settled(message: _Message, notice: Notice, target: Webhook) -> bool:
    """Whether an alert is done with: received, or given up."""
    tries = int(message.attributes.receives)
    try:
        target.send(notice)
    except RetryableError as error:
        runtime.log.warning("%s, try %d: %s", notice.notice_id, tries, error)
        if tries < MAX_TRIES:
            with suppress(ConflictError):  # then it comes again when the queue thinks fit
                open_alert_queue(runtime.settings()).extend(message.receipt, pause_s(tries))
            return False
        opened = runtime.opened()
        given_up(opened.stores.failed.keep, opened.clock)(notice, error.detail, tries)
    return True


runtime.prepare(runtime.opened)
