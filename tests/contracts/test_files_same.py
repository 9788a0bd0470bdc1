"""The same files put on both backends: the same rows, outputs, failed records and numbers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybrook.entrypoints.lambdas import sqs
from tallybrook.files import event_rows
from tallybrook.files.keeping import listed
from tallybrook.files.ports import Ports
from tallybrook.files.processing import Put, process
from tallybrook.ports.aws.clients import client
from tallybrook.ports.log.relay import take_over
from tallybrook.ports.objects import Objects, everything
from tallybrook.ports.objects.aws import S3Objects
from tallybrook.settings import Settings
from tallybrook.wiring import open_state
from tallybrook.wiring.assessments import open_local_objects
from tallybrook.wiring.files import aws_file_ports, local_file_ports, storing
from tests.assessments.raw import assessment
from tests.contracts.both import Both, both, clock
from tests.lambdas import deliveries as d
from tests.support.emulator import Emulator

STAMP = "2023-12-31T20:59:59Z"


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"event_type": "view", "user_id": "u", "timestamp": STAMP, "n": n, **more}
            for n in range(count)]  # fmt: skip


def lines(found: list[Any]) -> bytes:
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in found)


CSV = f'event_type,user_id,timestamp,amount\nbuy,v,{STAMP},7\nbuy,v\nbuy,"v\n'
OPERATION = {"event_type": "session_started", "timestamp": STAMP, "source": "app",
             "payload": {"session_id": "s", "student_id": "u", "subject": "maths"}}  # fmt: skip
SCORES = [
    {"anonymous_user_id": f"p{n}", "timestamp": STAMP, "scores": {"openness": n, "facets": {}}}
    for n in range(30)
]
FILES = [
    ("raw/events/account=acme/a b+c.ndjson", lines([*rows(30), b"{broken", OPERATION])),
    ("raw/events/account=acme/again.ndjson", lines([*rows(30), b"{broken", OPERATION])),
    ("raw/events/account=acme/t.csv", CSV.encode()),
    ("raw/events/account=acme/open.json", b'[{"event_type":"view","user_id":"v"},'),
    ("raw/assessments/account=acme/a", lines([assessment(), assessment(), {"userId": 1}])),
    ("imports/account=acme/i", lines([*rows(3, item="\ufffe"), {}, OPERATION | {"event_id": "o"},
                                      *rows(1, event_id="mine", account_id="rival")])),
    ("processed/ocean/account=acme/s", lines([*SCORES, {"scores": {"openness": "x"}}])),
    ("exports/account=acme/e.csv", b"a,b\n" * 300_000),
    ("raw/events/account=a b/x", b"{}"),
]  # fmt: skip


@contextmanager
def ports_of(world: Both, folder: Path) -> Iterator[tuple[Ports, Ports]]:
    """What works files off embedded, and in a stack."""
    stack = world.settings.stack
    client("s3").create_bucket(Bucket=stack)
    for name in ("intake", "assessments"):
        client("sqs").create_queue(QueueName=f"{stack}-{name}")
    here = Settings(data=str(folder), files_dir=str(folder / "files"))
    there = msgspec.structs.replace(world.settings, bucket=stack)
    local, aws = world.local, world.aws
    with local_file_ports(
        here, local.stores.failed.keep, clock, storing(local.log, local.stores)
    ) as ports:
        ours = aws_file_ports(there, aws.log, aws.stores, open_state(there, clock), clock=clock)
        yield ports, ours


def work_off_intake(stack: str) -> None:
    """What waits in the stack's queue of events goes to its function."""
    queue: Any = client("sqs")
    url = queue.get_queue_url(QueueName=f"{stack}-intake")["QueueUrl"]
    while found := queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            assert sqs.handler(d.sqs(message["Body"]), None) == {"batchItemFailures": []}
            queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def contents(*objects: Objects) -> dict[str, bytes | None]:
    return {found.key: one.get(found.key) for one in objects for found in everything(one)}


def test_the_same_files_on_both(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice each: every event, counter, failed record, output, archived copy, single assessment and
    listed figure of the two is the same, byte for byte."""
    monkeypatch.setattr(event_rows, "MAX_EVENTS", 20)
    with both() as world:
        folder = Path(world.folder)
        with ports_of(world, folder) as (here, there):
            for _ in range(2):
                for key, body in FILES:
                    for ports in (here, there):
                        ports.objects.put(key, body)
                        process(Put(key), ports, clock)
            outside = world.local.outside
            assert outside is not None
            while take_over(outside, world.local.log):
                pass
            work_off_intake(world.settings.stack)
            world.deliver_all()
            world.check()
            shown = [listed(p.state, "acme", 100, None, with_names=True) for p in (here, there)]
            assert shown[0] == shown[1]
            assert len(shown[0].files) == len(FILES) - 1
            figures = {file.name: (file.accepted, file.duplicate) for file in shown[0].files}
            assert figures["raw/events/account=acme/again.ndjson"] == (0, 31)
            singles = open_local_objects(Settings(data=str(folder)))
            found = contents(here.objects, singles)
            assert found == contents(S3Objects(world.settings.stack))
            assert any(key.startswith("received/") for key in found)
