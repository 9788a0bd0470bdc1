"""The functions that a schedule starts: the lake's writer, and the numbers for CloudWatch."""

import json
from pathlib import Path
from typing import Any

import pytest

from tallybrook.entrypoints.lambdas import http, lake, query, runtime, schedule, sequence, sqs, web
from tallybrook.errors import StorageError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.tables import EVENTS, physical
from tallybrook.ports.lake.aws import AwsLakeReader
from tests.lambdas import deliveries as d
from tests.lambdas.requests import v2
from tests.lambdas.samples import samples
from tests.lambdas.stack import ADMIN_KEY, Stack
from tests.support import wait_for
from tests.support.streams import Pump


class Time:
    """An invocation's context: ``steps`` looks at the clock, then there is no time left."""

    def __init__(self, steps: int = 1_000) -> None:
        self.steps = steps

    def get_remaining_time_in_millis(self) -> int:
        self.steps -= 1
        return 300_000 if self.steps >= 0 else 1_000


@pytest.fixture
def bucket(here: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    client("s3").create_bucket(Bucket=here.name)
    monkeypatch.setenv("TALLYBROOK_BUCKET", here.name)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    runtime.forget()
    return here.name


@pytest.fixture
def pump(here: Stack) -> Pump:
    table = physical(here.name, EVENTS)
    return Pump(table, lambda batch: sequence.handler({"Records": batch}, None), batch=10)


def send(pump: Pump, first: int, count: int) -> None:
    """Events into the log, in chunks of ten at most."""
    bodies = [d.event(f"e{i}") for i in range(first, first + count)]
    assert not sqs.handler(d.sqs(*bodies), None)["batchItemFailures"]
    pump.run()


def rows(bucket: str, folder: Path) -> int:
    """How many events a reader of the lake finds."""
    reader = AwsLakeReader(runtime.settings().stack, bucket, folder)
    try:
        files = reader.snapshot("default").files
        return sum(file.rows for file in files if file.table == "events")
    finally:
        reader.close()


def test_what_is_new_in_the_log_gets_into_the_lake(bucket: str, pump: Pump, tmp_path: Path) -> None:
    """Once, and an invocation with nothing new writes nothing."""
    send(pump, 0, 25)
    assert lake.handler({}, Time()) == {"entries": 25, "position": 25}
    assert lake.handler({}, Time())["entries"] == 0
    send(pump, 25, 5)
    assert lake.handler({}, Time())["entries"] == 5
    assert rows(bucket, tmp_path / "cache") == 30


def ready(answer: dict[str, Any]) -> dict[str, Any] | None:
    return None if answer["statusCode"] == 503 else answer


def test_what_is_in_the_lake_is_found_by_sql(bucket: str, pump: Pump) -> None:
    """Through the function of queries; the one that collects says where they are answered."""
    send(pump, 0, 7)
    lake.handler({}, Time())
    statement = "SELECT count(*) AS n FROM events WHERE date = '2024-01-19'"
    asked = v2(
        "POST", "/query", json.dumps({"sql": statement}), authorization=f"Bearer {ADMIN_KEY}"
    )
    try:
        # 503 while the child process has not started, which a busy machine takes its time for.
        got = wait_for(lambda: ready(query.handler(asked, None)), 90)
        assert got["statusCode"] == 200, got["body"]
        assert json.loads(got["body"])["rows"] == [[7]]
        assert http.handler(asked, None)["statusCode"] == 404
    finally:
        web.forget()


def test_without_time_nothing_is_begun(bucket: str, pump: Pump) -> None:
    """What is left is for the next invocation."""
    send(pump, 0, 5)
    assert lake.handler({}, Time(1))["entries"] == 0
    assert lake.handler({}, Time())["entries"] == 5


def test_a_second_writer_leaves_it_to_the_first(bucket: str, pump: Pump) -> None:
    """It says so and does nothing; the first one's end lets it in."""
    send(pump, 0, 5)
    with runtime.lake_writer(lease_s=60):
        assert lake.handler({}, Time()) == {"skipped": "another writer is at work"}
    assert lake.handler({}, Time())["entries"] == 5


def test_a_writer_that_fails_can_be_invoked_again(
    bucket: str, pump: Pump, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost and nothing is written twice."""
    from tallybrook.ports.lake.aws import AwsLake

    send(pump, 0, 12)

    def refuse(*_: Any, **__: Any) -> int:
        raise StorageError("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(AwsLake, "commit", refuse)
        with pytest.raises(StorageError):
            lake.handler({}, Time())
    assert lake.handler({}, Time())["entries"] == 12
    assert rows(bucket, tmp_path / "cache") == 12


def test_the_numbers_are_told_in_one_line(
    here: Stack, pump: Pump, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an embedded metric: how long the log is, how many records are waiting for somebody."""
    send(pump, 0, 3)
    sqs.handler(d.sqs("no JSON"), None)
    (sample,) = samples("eventbridge:scheduled")
    capsys.readouterr()
    found = schedule.handler(sample.read(), None)
    assert (found["LogHead"], found["FailedOpen"]) == (3.0, 1.0)
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    (metrics,) = told["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "Tallybrook"
    assert {metric["Name"] for metric in metrics["Metrics"]} == set(found)
    assert told["stack"] == here.name
    assert told["LogHead"] == [3.0]
