"""Load for a whole test: clients in threads that are always ended."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fault.client import Client
from tests.fault.ledger import Ledger, merged
from tests.fault.target import Target
from tests.fault.wire import GaveUpError, Wire

CLIENTS = 5
_COUNT = b'{"sql": "SELECT count(*), count(DISTINCT event_id) FROM events", "full_scan": true}'


class Load:
    """Clients under way, and what they have been told so far."""

    def __init__(self, clients: list[Client]) -> None:
        self.clients = clients
        self.threads = [threading.Thread(target=client.run) for client in clients]

    @property
    def acknowledged(self) -> int:
        return sum(client.ledger.acknowledged for client in self.clients)

    def finish(self, *, give_up: bool = False) -> Ledger:
        """No new requests; wait for the last answers, or ``give_up`` on them."""
        for client in self.clients:
            client.stop.set()
            if give_up:
                client.give_up.set()
        for thread in self.threads:
            thread.join(90)
        assert not any(thread.is_alive() for thread in self.threads), "a request has no answer"
        return merged([client.ledger for client in self.clients])


@contextmanager
def under_load(target: Target, seed: str) -> Iterator[Load]:
    """Clients at work until the block is left."""
    load = Load([Client(f"c{n}", lambda: target.url, target.key, seed) for n in range(CLIENTS)])
    for thread in load.threads:
        thread.start()
    try:
        yield load
    finally:
        load.finish(give_up=True)


class Asking:
    """A client that runs SQL all the time, so that query processes have something to die on."""

    def __init__(self, target: Target) -> None:
        self._give_up = threading.Event()
        self._wire = Wire(lambda: target.url, target.key, self._give_up)
        self.answers, self.faults = 0, list[str]()
        self.thread = threading.Thread(target=self._run)

    def stop(self) -> None:
        self._give_up.set()
        self.thread.join(90)

    def _run(self) -> None:
        try:
            while not self._give_up.is_set():
                reply = self._wire.send("POST", "/query", _COUNT)
                if reply.status == 200:
                    self.answers += 1
                    rows, distinct = reply.body["rows"][0]
                    if rows != distinct:
                        self.faults.append(f"SQL sees {rows} rows of {distinct} events")
        except GaveUpError:
            pass
        finally:
            self._wire.close()


@contextmanager
def asking(target: Target) -> Iterator[Asking]:
    """Queries until the block is left."""
    client = Asking(target)
    client.thread.start()
    try:
        yield client
    finally:
        client.stop()
