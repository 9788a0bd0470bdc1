"""Answers of saved queries as tables, and erasing, by the functions of a stack."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tallybrook.entrypoints.lambdas import http, lake, query, runtime, sqs, web
from tallybrook.errors import StorageError
from tallybrook.lake.erasures import is_pending
from tallybrook.ports.aws.clients import client
from tallybrook.ports.lake.aws import AwsLake
from tallybrook.sql import kept as kept_answers
from tallybrook.wiring import open_state
from tests.lambdas import deliveries as d
from tests.lambdas.requests import v2
from tests.lambdas.stack import ADMIN_KEY, Stack
from tests.lambdas.test_clockwork import Time, bucket, pump, ready
from tests.support import wait_for
from tests.support.streams import Pump

__all__ = ["bucket", "pump"]
QUERY_ID = "user_growth_monthly"
TABLE = f"results_{QUERY_ID}"
STAMP = datetime.now(UTC).isoformat()
GRACE_US = 601_000_000


@pytest.fixture
def asked(here: Stack, bucket: str, pump: Pump) -> Iterator[str]:
    """Events in the lake, and a saved query that the clock has had run."""
    client("secretsmanager").create_secret(Name=f"{here.name}/privacy", SecretString=ADMIN_KEY * 2)
    events = (d.event(f"e{n}", user_id=f"u{n}", timestamp=STAMP) for n in range(3))
    assert not sqs.handler(d.sqs(*events), None)["batchItemFailures"]
    pump.run()
    lake.handler({}, Time())
    refresh()
    yield bucket
    web.forget()


def refresh() -> Any:
    """As the function does that works by the clock."""
    asked = {"account_id": "default", "query_id": QUERY_ID, "now_us": runtime.opened().now_us()}
    return wait_for(lambda: _tried({"refresh": asked}), 90)


def _tried(event: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return query.handler(event, None)
    except StorageError:  # the child process has not started: the caller tries again
        return None


def call(module: Any, method: str, path: str, body: Any = None) -> Any:
    text = None if body is None else d.text(body)
    event = v2(method, path, text, authorization=f"Bearer {ADMIN_KEY}")
    return wait_for(lambda: ready(module.handler(event, None)), 90)


def kept() -> int:
    """The status of the kept answer."""
    return int(call(http, "GET", f"/queries/{QUERY_ID}/result")["statusCode"])


def objects(bucket: str, prefix: str) -> list[str]:
    found = client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
    return [one["Key"] for one in found]


def test_the_answer_is_a_table_after_the_next_turn_of_the_lake(asked: str) -> None:
    """Asked in SQL, listed, its beginning kept to be read; nothing is left of what was handed in,
    and the same answer again changes nothing."""
    assert kept() == 404
    assert lake.handler({}, Time())["tasks"] == 1
    answer = json.loads(call(query, "POST", "/query", {"sql": f"SELECT * FROM {TABLE}"})["body"])
    page = json.loads(call(http, "GET", f"/queries/{QUERY_ID}/result")["body"])
    assert (page["table"], page["rows"]) == (TABLE, answer["rows"])
    assert [row[1] for row in page["rows"]][-1] == 3
    listed = json.loads(call(http, "GET", "/tables")["body"])["tables"]
    assert [one["name"] for one in listed][-1] == TABLE
    (file,) = objects(asked, f"lake/{TABLE}/")
    assert objects(asked, "tmp/") == objects(asked, f"lake/manifests/{TABLE}/") == []
    refresh()
    assert lake.handler({}, Time())["tasks"] == 1
    assert objects(asked, f"lake/{TABLE}/") == [file]


def test_an_erasure_that_dies_between_is_done_by_the_next_turn(
    asked: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Killed after the lake's commit, before the kept answers went: they are not shown meanwhile,
    and the function's next invocation ends what was begun. An answer from before that is given up,
    and no object from before is left once its grace is over."""
    lake.handler({}, Time())
    assert kept() == 200
    before = objects(asked, "lake/events/") + objects(asked, f"lake/{TABLE}/")
    refresh()
    told = call(http, "DELETE", "/users/u0?also=v-1")
    erasure = json.loads(told["body"])
    assert (told["statusCode"], erasure["status"]) == (202, "pending")
    assert told["headers"]["location"] == f"/erasures/{erasure['erasure_id']}"

    class Killed(BaseException):
        """The end of the process."""

    def die(*_: Any) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(kept_answers, "forget", die)
        with pytest.raises(Killed):
            lake.handler({}, Time())
    state = open_state(runtime.settings())
    assert is_pending(state, "default")
    assert kept() == 404
    refresh()
    assert lake.handler({}, Time())["tasks"] == 2
    assert not is_pending(state, "default")
    done = json.loads(call(http, "GET", f"/erasures/{erasure['erasure_id']}")["body"])
    assert done["status"] == "done"
    assert (kept(), objects(asked, "tmp/")) == (404, [])
    refresh()
    assert lake.handler({}, Time())["tasks"] == 1
    assert kept() == 200
    expire(asked, tmp_path)
    assert not set(before) & set(objects(asked, "lake/"))


def expire(bucket: str, folder: Path) -> None:
    """As the lake's writer does when the grace is over."""
    later_us = runtime.opened().now_us() + GRACE_US
    store = AwsLake(runtime.settings().stack, bucket, folder, now_us=lambda: later_us)
    try:
        store.expire()
    finally:
        store.close()
