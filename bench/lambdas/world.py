"""The emulated account the functions work on: a stack's tables, its bucket, a key."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from infra.functions import FunctionSpec, environment
from infra.settings import StackSettings
from tallybrook.ports.aws.clients import client
from tallybrook.ports.log import Log
from tallybrook.settings import Settings
from tallybrook.wiring import Stores, open_keys, open_product
from tests.support.emulator import Emulator, make_tables, new_stack, running_emulator


class World(Struct):
    """A stack in a running emulator. ``key`` is the text of a key that may do everything."""

    emulator: Emulator
    stack: str
    bucket: str
    key: str
    log: Log
    stores: Stores

    def environment(self, spec: FunctionSpec) -> dict[str, str]:
        """What the stack gives a function, and what makes its SDK talk to the emulator."""
        anything = f"{self.emulator.endpoint}/health"
        settings = StackSettings(stack=self.stack, alert_webhook=anything, forward_to=anything)
        given = environment(spec, settings, self.bucket)
        given["TALLYBROOK_SOCKETS_URL"] = self.emulator.endpoint
        return given | self.emulator.environment

    def client(self, service: str) -> Any:
        return client(service)


@contextmanager
def running_world(scratch: Path) -> Iterator[World]:
    """Start the emulator and make the stack; this process's own clients are pointed at it."""
    with running_emulator(scratch / "aws") as emulator:
        os.environ.update(emulator.environment)
        with world_in(emulator, new_stack()) as world:
            yield world


@contextmanager
def world_in(emulator: Emulator, stack: str) -> Iterator[World]:
    """Make a stack's tables, bucket, bus and key in an emulator that this process's clients use."""
    make_tables(stack)
    bucket = f"{stack}-data"
    client("s3").create_bucket(Bucket=bucket)
    client("events").create_event_bus(Name=stack)
    settings = Settings(backend="aws", stack=stack, bucket=bucket)
    _, key = open_keys(settings).create(label="bench")
    product = open_product(settings, sql=False)
    try:
        yield World(emulator, stack, bucket, key, product.log, product.stores)
    finally:
        product.stores.close()
        product.log.close()
