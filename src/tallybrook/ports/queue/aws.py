"""A queue in SQS (standard, not FIFO) with a dead-letter queue.

The queue, its dead-letter queue ``<name>-dlq`` and how often a message is received before it goes
there belong to the stack. SQS moves a letter by itself; redriving is done here, letter by letter,
because the service's own redrive gives letters new ids and no trace of the old one.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from tallybrook.errors import ConflictError, StorageError, TallybrookError
from tallybrook.ports.aws.clients import client, error_code, translated
from tallybrook.ports.aws.dynamo import back_off
from tallybrook.ports.queue import (
    FIRST_SENT,
    MAX_DELAY_S,
    MAX_VISIBILITY_S,
    MAX_WAIT_S,
    ORIGIN,
    Depth,
    Message,
    check_body,
    check_seconds,
)

Entry = dict[str, Any]

MAX_ENTRIES = 10
MAX_BATCH_BYTES = 1 << 20
_ROUNDS = 6
_CALL_WAIT_S = 10
"""Below the read timeout of the client: a longer wait is several calls."""

_HANDLING_S = 120
_GONE = frozenset(
    {
        "AWS.SimpleQueueService.MessageNotInflight",
        "InvalidParameterValue",
        "MessageNotInflight",
        "ReceiptHandleIsInvalid",
    }
)
_MAX_ATTRIBUTES = 10


class SqsQueue:
    """``ports.queue.Queue`` over the queue ``name`` and ``<name>-dlq``."""

    def __init__(self, name: str, sqs: Any = None) -> None:
        self._name = name
        self._sqs = sqs or client("sqs")

    @cached_property
    def _url(self) -> str:
        return self._url_of(self._name)

    @cached_property
    def _dead_url(self) -> str:
        return self._url_of(f"{self._name}-dlq")

    def send(self, bodies: Sequence[str], delay_s: int = 0) -> list[str]:
        check_seconds("delay_s", delay_s, MAX_DELAY_S)
        delay = {"DelaySeconds": delay_s} if delay_s else {}
        return self._send([{"MessageBody": check_body(body), **delay} for body in bodies])

    def receive(
        self, limit: int = 10, wait_s: float = 0.0, visibility_s: int = 30
    ) -> list[Message]:
        check_seconds("wait_s", wait_s, MAX_WAIT_S)
        check_seconds("visibility_s", visibility_s, MAX_VISIBILITY_S)
        deadline_s = time.monotonic() + wait_s
        found: list[Entry] = []
        while len(found) < limit:
            left_s = 0.0 if found else max(0.0, deadline_s - time.monotonic())
            some = self._receive(self._url, limit - len(found), left_s, visibility_s)
            found += some
            # Not hidden, the same messages would come again with the next call.
            more = (some and visibility_s) if found else time.monotonic() < deadline_s
            if not more:
                break
        return [_message(entry) for entry in found]

    def extend(self, receipt: str, visibility_s: int) -> None:
        check_seconds("visibility_s", visibility_s, MAX_VISIBILITY_S)
        with translated(f"extend in {self._name}"):
            try:
                self._sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=visibility_s
                )
            except ClientError as error:
                if error_code(error) not in _GONE:
                    raise
                raise ConflictError("the message is no longer in this receiver's hands") from error

    def acknowledge(self, receipts: Sequence[str]) -> None:
        self._delete(self._url, receipts)

    def depth(self) -> Depth:
        waiting, delayed, in_flight = self._counts(self._url)
        return Depth(waiting + delayed, in_flight, sum(self._counts(self._dead_url)))

    def dead(self, limit: int = 100) -> list[Message]:
        held: list[Entry] = []
        try:
            for letters in self._dead_letters(limit):
                held += letters
        finally:
            self._release(held)
        return [_message(letter) for letter in held]

    def redrive(self, message_ids: Collection[str] | None = None) -> int:
        return self._work_off(message_ids, self._send_again)

    def discard(self, message_ids: Collection[str]) -> int:
        return self._work_off(message_ids, lambda _: None)

    def _work_off(
        self, message_ids: Collection[str] | None, work: Callable[[list[Entry]], object]
    ) -> int:
        """Do something with dead letters and then delete them; the others are shown again."""
        left = None if message_ids is None else set(message_ids)
        others: list[Entry] = []
        done = 0
        try:
            for letters in self._dead_letters():
                mine = [one for one in letters if left is None or one["MessageId"] in left]
                others += [one for one in letters if one not in mine]
                work(mine)
                self._delete(self._dead_url, [one["ReceiptHandle"] for one in mine])
                done += len(mine)
                if left is not None:
                    left -= {one["MessageId"] for one in mine}
                    if not left:
                        break
        finally:
            self._release(others)
        return done

    def _send_again(self, letters: list[Entry]) -> None:
        self._send(
            [
                {"MessageBody": one["Body"], "MessageAttributes": _attributes_again(one)}
                for one in letters
            ]
        )

    def _dead_letters(self, limit: int | None = None) -> Iterator[list[Entry]]:
        """Batches of dead letters until there are no others; the caller deletes or releases."""
        seen: set[str] = set()
        while limit is None or len(seen) < limit:
            some = self._receive(
                self._dead_url, MAX_ENTRIES if limit is None else limit - len(seen), 1, _HANDLING_S
            )
            fresh = [one for one in some if one["MessageId"] not in seen]
            if not fresh:
                return
            seen |= {one["MessageId"] for one in fresh}
            yield fresh

    def _receive(self, url: str, limit: int, wait_s: float, visibility_s: int) -> list[Entry]:
        with translated(f"receive from {self._name}"):
            answer = self._sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(limit, MAX_ENTRIES),
                WaitTimeSeconds=min(_CALL_WAIT_S, math.ceil(wait_s)),
                VisibilityTimeout=visibility_s,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                MessageAttributeNames=["All"],
            )
        return list(answer.get("Messages", ()))

    def _send(self, entries: list[Entry]) -> list[str]:
        ids: list[str] = []
        for batch in _batches(entries):
            sent = self._all_of("send_message_batch", self._url, batch)
            ids += [sent[str(at)]["MessageId"] for at in range(len(batch))]
        return ids

    def _delete(self, url: str, receipts: Sequence[str]) -> None:
        entries = [{"ReceiptHandle": receipt} for receipt in dict.fromkeys(receipts)]
        for at in range(0, len(entries), MAX_ENTRIES):
            self._all_of("delete_message_batch", url, entries[at : at + MAX_ENTRIES], _GONE)

    def _release(self, letters: list[Entry]) -> None:
        entries = [
            {"ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 0} for one in letters
        ]
        for at in range(0, len(entries), MAX_ENTRIES):
            batch = entries[at : at + MAX_ENTRIES]
            self._all_of("change_message_visibility_batch", self._dead_url, batch, _GONE)

    def _all_of(
        self, operation: str, url: str, batch: list[Entry], fine: Collection[str] = ()
    ) -> dict[str, Entry]:
        """Call with up to ten entries until each of them went through; the answers by position.

        An entry that fails by the service's fault is sent again; by our fault, and not by one of
        the codes ``fine``, it is a ``TallybrookError``.
        """
        done: dict[str, Entry] = {}
        left = [{"Id": str(at), **entry} for at, entry in enumerate(batch)]
        for attempt in range(_ROUNDS):
            if not left:
                return done
            if attempt:
                back_off(attempt)
            with translated(f"{operation} {self._name}"):
                answer = getattr(self._sqs, operation)(QueueUrl=url, Entries=left)
            done |= {one["Id"]: one for one in answer.get("Successful", ())}
            failed = [one for one in answer.get("Failed", ()) if one["Code"] not in fine]
            for one in failed:
                if one.get("SenderFault"):
                    raise TallybrookError(f"{operation} {self._name}: {one['Code']}")
            again = {one["Id"] for one in failed}
            left = [entry for entry in left if entry["Id"] in again]
        if left:
            raise StorageError(f"{operation} {self._name}: {len(left)} entries go on failing")
        return done

    def _counts(self, url: str) -> list[int]:
        names = ["", "Delayed", "NotVisible"]
        wanted = [f"ApproximateNumberOfMessages{name}" for name in names]
        with translated(f"depth of {self._name}"):
            answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)
        return [int(answer["Attributes"][name]) for name in wanted]

    def _url_of(self, name: str) -> str:
        with translated(f"find queue {name}"):
            return str(self._sqs.get_queue_url(QueueName=name)["QueueUrl"])


def _batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Up to ten entries and 1 MiB together."""
    batch: list[Entry] = []
    batch_bytes = 0
    for entry in entries:
        size = _size_bytes(entry)
        if batch and (len(batch) == MAX_ENTRIES or batch_bytes + size > MAX_BATCH_BYTES):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(entry)
        batch_bytes += size
    if batch:
        yield batch


def _size_bytes(entry: Entry) -> int:
    size = len(entry["MessageBody"].encode())
    for name, value in entry.get("MessageAttributes", {}).items():
        content = value.get("BinaryValue") or value.get("StringValue", "").encode()
        size += len(name.encode()) + len(value["DataType"]) + len(content)
    return size


def _attributes_again(letter: Entry) -> dict[str, Any]:
    """The attributes the letter had, the id it was first sent under, and when that was."""
    attributes = dict(letter.get("MessageAttributes", {}))
    if ORIGIN not in attributes:
        sent_ms = letter.get("Attributes", {}).get("SentTimestamp", "0")
        for name, value in ((ORIGIN, letter["MessageId"]), (FIRST_SENT, sent_ms)):
            if len(attributes) < _MAX_ATTRIBUTES:
                attributes[name] = {"DataType": "String", "StringValue": value}
    return attributes


def _message(entry: Entry) -> Message:
    attributes = entry.get("Attributes", {})
    origin = entry.get("MessageAttributes", {}).get(ORIGIN, {}).get("StringValue")
    return Message(
        message_id=entry["MessageId"],
        origin_id=origin or entry["MessageId"],
        body=entry["Body"],
        receipt=entry["ReceiptHandle"],
        receives=int(attributes.get("ApproximateReceiveCount", 1)),
        sent_at=int(attributes.get("SentTimestamp", 0)) * 1000,
    )
