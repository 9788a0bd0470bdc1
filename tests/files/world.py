"""Files on a real directory, a real log and a state in memory, and a call that may be the last."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from tallybrook.errors import ConflictError
from tallybrook.events.model import Event
from tallybrook.files.keeping import listed
from tallybrook.files.ports import Ports
from tallybrook.files.processing import Put, process
from tallybrook.files.shapes import File, ShownFile
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.objects import everything
from tallybrook.ports.objects.local import LocalObjects
from tallybrook.settings import Settings
from tallybrook.wiring import Product, open_product
from tallybrook.wiring.files import file_ports, storing
from tests.entities.world import MemoryState, Moving

_CHANGES = frozenset({"put", "write", "delete", "copy"})
_folders = itertools.count()


class Stopped(BaseException):
    """The process is killed."""


class Cut:
    """Stops at the change that is asked for: before it is made, or right after."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.made = True
        self.changes = 0

    def __call__(self, go: Callable[[], Any]) -> Any:
        self.changes += 1
        if self.left is None:
            return go()
        self.left -= 1
        if self.left == 0:
            self.left = None
            if self.made:
                with suppress(ConflictError):
                    go()
            raise Stopped
        return go()


class Cutting:
    """A port whose changes may be the last thing that happens."""

    def __init__(self, port: Any, cut: Cut) -> None:
        self._port, self._cut = port, cut

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in _CHANGES:
            return found
        return lambda *args, **named: self._cut(lambda: found(*args, **named))


class World:
    """A place where files are worked off, with everything of it to be looked at."""

    def __init__(self, folder: Path, product: Product) -> None:
        self.clock, self.cut = Moving(), Cut()
        here = folder / f"files{next(_folders)}"
        self.objects, self.singles = LocalObjects(here / "bucket"), LocalObjects(here / "singles")
        self.state: Any = MemoryState(self.clock)
        self.product = product
        self.failed: dict[str, FailedRecord] = {}
        self.queued: list[Event] = []
        self.tasks: list[str] = []
        self.remaining_s = float("inf")
        self.settings = Settings(min_people=5)

    def ports(self) -> Ports:
        cut = self.cut
        return file_ports(
            self.settings, Cutting(self.objects, cut), Cutting(self.state, cut),
            storing(Cutting(self.product.log, cut), self.product.stores), self.keep,
            lambda events, bodies: cut(lambda: self.queued.extend(events)), lambda: 0,
            Tasks(self),  # type: ignore[arg-type]
            lambda: Cutting(self.singles, cut), lambda: self.remaining_s,
        )  # fmt: skip

    def keep(self, record: FailedRecord) -> None:
        self.cut(lambda: self.failed.__setitem__(record.failed_id, record))

    def put(self, key: str, body: bytes | str | list[Any]) -> None:
        if isinstance(body, list):
            body = "".join(json.dumps(row) + "\n" for row in body)
        self.objects.put(key, body.encode() if isinstance(body, str) else body)

    def work(self, key: str) -> File | None:
        return process(Put(key), self.ports(), self.clock)

    def done(self, key: str, body: bytes | str | list[Any]) -> File:
        self.put(key, body)
        file = self.work(key)
        assert file is not None
        return file

    def killed(self, key: str, at: int, *, made: bool) -> bool:
        """Work off a file and be killed at a change; whether it came so far."""
        self.cut.left, self.cut.made = at, made
        try:
            self.work(key)
        except Stopped:
            return True
        finally:
            self.cut.left = None
        return False

    def names(self) -> list[str]:
        return [found.key for found in everything(self.objects)]

    def files(self, account_id: str = "default") -> list[ShownFile]:
        return listed(self.state, account_id, 100, None, with_names=True).files

    def body(self, key: str | None) -> bytes:
        found = self.objects.get(key or "")
        assert found is not None
        return found

    def events(self) -> dict[str, Event]:
        return dict(_events(self.product))


class Tasks:
    """A queue of which only sending is used."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, bodies: Sequence[str], delay_s: int = 0) -> list[str]:
        self._world.cut(lambda: self._world.tasks.extend(bodies))
        return []


def _events(product: Product) -> Iterator[tuple[str, Event]]:
    after = 0
    while chunks := product.stores.reader.chunks("events", after, 1000):
        for chunk in chunks:
            for line in chunk.body.split(b"\n"):
                event = msgspec.json.decode(line, type=Event)
                yield event.event_id, event
            after = chunk.last_seq


@contextmanager
def opened_product(folder: Path) -> Iterator[Product]:
    """A product with a real log, for many worlds."""
    product = open_product(Settings(data=str(folder)), Moving(), sql=False)
    try:
        yield product
    finally:
        product.log.close()
        product.stores.close()
        if product.shelves:
            product.shelves.close()


def counts(file: File | ShownFile | None) -> tuple[int, int, int, int]:
    """Received, accepted, duplicate, rejected, which add up."""
    assert file is not None
    found = file.counts if isinstance(file, File) else file
    received, *parts = (found.received, found.accepted, found.duplicate, found.rejected)
    assert received == sum(parts)
    return received, parts[0], parts[1], parts[2]
