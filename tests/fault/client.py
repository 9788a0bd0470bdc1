"""A client that keeps the product busy: events alone and in batches, and records that move."""

import json
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.fault.ledger import Ledger
from tests.fault.wire import GaveUpError, Reply, Where, Wire

EVENT_TYPES = ("page_view", "purchase", "sign_up", "søk", "task.done")
RECORD_TYPES = ("items", "tasks")
USERS = 24
_SPAN_S = 3 * 3600


def user(number: int) -> str:
    """The name of a user; some need quoting in a path."""
    return f"user {number}" if number % 5 == 0 else f"user-{number}"


class Client:
    """One thread's worth of load. Everything it names is its own, and told in its ledger."""

    def __init__(self, name: str, where: Where, key: str, seed: str) -> None:
        self.name = name
        self.ledger = Ledger()
        self.stop, self.give_up = threading.Event(), threading.Event()
        self._random = random.Random(f"{seed}/{name}")
        self._wire = Wire(where, key, self.give_up)
        self._number = 0

    def run(self) -> None:
        """Until told to stop; every request is repeated until it is acknowledged."""
        turns: list[Callable[[], None]] = [self._single, self._batch, self._ndjson]
        turns += [self._ingest, self._record, self._records]
        try:
            while not self.stop.is_set():
                self._random.choices(turns, (8, 5, 2, 1, 3, 1))[0]()
        except GaveUpError:
            pass
        finally:
            self.ledger.retries = self._wire.retries
            self._wire.close()

    def _single(self) -> None:
        event = self._known() if self._random.random() < 0.1 else self._event()
        reply = self._send("/events", [event], json.dumps(event, indent=1))
        self._answered([event], [reply.body], reply)

    def _ingest(self) -> None:
        event = self._event() | {"timestamp": self._instant()}
        payload = event["properties"] | {"user_id": event["user_id"]}
        operation = {k: event[k] for k in ("event_id", "event_type", "timestamp")}
        reply = self._send("/ingest", [event], json.dumps(operation | {"payload": payload}))
        self._answered([event | {"properties": payload}], [reply.body], reply)

    def _batch(self) -> None:
        events = self._events()
        reply = self._send("/events/batch", events, json.dumps({"events": events}))
        self._answered(events, reply.body["results"], reply)

    def _ndjson(self) -> None:
        events = self._events()
        body = "\n".join(json.dumps(event) for event in events)
        reply = self._send("/events/batch", events, body, "x-ndjson")
        self._answered(events, reply.body["results"], reply)

    def _record(self) -> None:
        record, body = self._operation()
        path = f"/records/{record[0]}/{record[1]}"
        text = b"" if body is None else json.dumps(body).encode()
        reply = self._wire.send("DELETE" if body is None else "PUT", path, text)
        self._require(reply, 200)
        self.ledger.settled(record, body, reply.body["status"], sent_once=reply.sent_once)

    def _records(self) -> None:
        record_type = self._random.choice(RECORD_TYPES)
        operations = [self._operation(record_type) for _ in range(self._random.randint(1, 12))]
        items = [
            {"op": "delete", "id": record[1]} if body is None else {"id": record[1], **body}
            for record, body in operations
        ]
        body = json.dumps({"records": items}).encode()
        reply = self._wire.send("POST", f"/records/{record_type}", body)
        self._require(reply, 202)
        for (record, image), result in zip(operations, reply.body["results"], strict=True):
            status = result["status"] if reply.sent_once else None
            self.ledger.settled(record, image, status, sent_once=reply.sent_once)

    def _send(
        self, path: str, events: list[dict[str, Any]], body: str, kind: str = "json"
    ) -> Reply:
        self.ledger.attempted.update(event["event_id"] for event in events)
        reply = self._wire.send("POST", path, body.encode(), kind)
        self._require(reply, 202)
        return reply

    def _answered(
        self, events: list[dict[str, Any]], results: list[dict[str, Any]], reply: Reply
    ) -> None:
        for event, result in zip(events, results, strict=True):
            if result.get("event_id") != event["event_id"]:
                self.ledger.faults.append(f"{event['event_id']}: answered {result}")
            self.ledger.answered(event, result["status"], sent_once=reply.sent_once)

    def _require(self, reply: Reply, status: int) -> None:
        if reply.status != status:
            self.ledger.faults.append(f"{self.name}: {reply.status} {reply.body}")
            raise GaveUpError

    def _events(self) -> list[dict[str, Any]]:
        """A batch of new events, with some of them twice and some that were sent before."""
        events = [self._event() for _ in range(self._random.randint(1, 60))]
        again = self._random.choices(events, k=self._random.choice((0, 0, 2)))
        return [*events, *again, *([self._known()] if self._random.random() < 0.3 else [])]

    def _known(self) -> dict[str, Any]:
        sent = self.ledger.events
        return sent[self._random.choice(list(sent)[-500:])] if sent else self._event()

    def _event(self) -> dict[str, Any]:
        self._number += 1
        event = {
            "event_id": f"{self.name}-{self._number}",
            "event_type": self._random.choice(EVENT_TYPES),
            "user_id": user(self._random.randrange(USERS)),
            "properties": {"n": self._number, "text": 'ø\n"' * self._random.randrange(4)},
        }
        return event | ({"timestamp": self._instant()} if self._random.random() < 0.8 else {})

    def _operation(
        self, record_type: str | None = None
    ) -> tuple[tuple[str, str], dict[str, Any] | None]:
        record_type = record_type or self._random.choice(RECORD_TYPES)
        record = (record_type, f"{self.name}-r{self._random.randrange(12)}")
        if self._random.random() < 0.3:
            return record, None
        self._number += 1
        return record, {"createdAt": self._instant(), "n": self._number}

    def _instant(self) -> str:
        at = time.time() - self._random.random() * _SPAN_S
        text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
