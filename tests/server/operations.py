"""Operations for the tests of entities over HTTP, and the worker's part done on the spot."""

from typing import Any

from tallybrook.events.instants import format_instant
from tallybrook.wiring import open_consumers
from tests.server.running import Account, Running


def ingest(account: Account, event_type: str, at_us: int, **payload: Any) -> None:
    """Send one envelope of the operations stream."""
    envelope = {"event_type": event_type, "timestamp": format_instant(at_us), "payload": payload}
    reply = account.http.post("/ingest", json=envelope)
    assert reply.status_code == 202, reply.text


def health(account: Account, student: str, score: float, at_us: int) -> None:
    """Report a student's health."""
    ingest(account, "customer_health_update", at_us, student_id=student, health_score=score)


def work(running: Running) -> None:
    """Let the consumer of entities take in what the log holds."""
    with open_consumers(running.data) as opened:
        (consumer,) = (found for found in opened.consumers if found.name == "entities")
        while chunks := opened.reader.chunks("events", consumer.position(), consumer.max_entries):
            consumer.handle(chunks)
