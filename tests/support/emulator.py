"""Emulated AWS services on this machine: a MiniStack of the test process's own."""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from msgspec import Struct

from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.dynamo import create_request
from tallybrook.ports.aws.tables import TABLES, Table, records_table
from tallybrook.records.reading import parse_types
from tests.support.waiting import wait_for

REGION = "us-east-1"


class Emulator(Struct):
    """A running emulator. ``environment`` points every AWS SDK at it."""

    endpoint: str
    port: int
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


@contextmanager
def running_emulator(folder: Path) -> Iterator[Emulator]:
    """Start it on a free loopback port and stop it at the end; what it keeps is in ``folder``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    emulator = Emulator(f"http://127.0.0.1:{port}", port, folder)
    environment = {
        **os.environ,
        "GATEWAY_PORT": str(port),
        "EDGE_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder),
        "LAMBDA_EXECUTOR": "local",
        # Retries of state machines keep their number and order, and wait a twentieth of the time.
        "SFN_WAIT_SCALE": "0.05",
        "LOG_LEVEL": "INFO",
    }
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=environment, stdout=log, stderr=log,
            cwd=folder,
        )  # fmt: skip
    try:
        wait_for(lambda: _answers(emulator.endpoint), 60)
        yield emulator
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(endpoint: str) -> bool:
    try:
        with urlopen(f"{endpoint}/_ministack/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def new_stack() -> str:
    """A prefix nobody else uses: what is made under it is apart from every other test."""
    return f"t{uuid.uuid4().hex[:10]}"


def make_tables(stack: str, tables: tuple[Table, ...] | None = None) -> None:
    """Make the tables of a stack, all by default, with those of the built-in record types."""
    if tables is None:
        tables = (*TABLES, *(records_table(name) for name in parse_types("")))
    dynamo: Any = client("dynamodb")
    for table in tables:
        dynamo.create_table(**create_request(stack, table))
