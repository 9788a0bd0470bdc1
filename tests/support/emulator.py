"""Emulated AWS services on this machine: a MiniStack of the test process's own."""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import msgspec
from msgspec import Struct

from tallybrook.ports.aws.dynamo import create_request
from tallybrook.ports.aws.tables import TABLES, Table, records_table
from tallybrook.records.reading import parse_types
from tests.support.waiting import wait_for

REGION = "us-east-1"
_SERVED = (
    "--host", "127.0.0.1", "--loop", "uvloop", "--http", "httptools", "--log-level", "warning",
    "--no-access-log", "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "1",
)  # fmt: skip
"""By the server of the product itself: a request takes a third of the processor time that it takes
with the emulator's own command."""

_CREATE_TABLE = {
    "X-Amz-Target": "DynamoDB_20120810.CreateTable",
    "Content-Type": "application/x-amz-json-1.0",
    "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20200101/{REGION}/dynamodb/aws4_request,"
    " SignedHeaders=host, Signature=0",
}


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
            [sys.executable, "-m", "uvicorn", "ministack.app:app", *_SERVED, "--port", str(port)],
            env=environment, stdout=log, stderr=log, cwd=folder,
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
    """Make the tables of a stack, all by default, with those of the built-in record types.

    Most tests begin with it, so the requests go without the SDK, which takes longer to make and
    sign one than the emulator to answer it.
    """
    if tables is None:
        tables = (*TABLES, *(records_table(name) for name in parse_types("")))
    place = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    with closing(HTTPConnection(str(place.hostname), place.port)) as connection:
        for table in tables:
            body = msgspec.json.encode(create_request(stack, table))
            connection.request("POST", "/", body, _CREATE_TABLE)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 200, said.decode()
