"""What functions record of the accounts they work for, and of what is kept."""

from typing import Any

import pytest

from tallybrook.costs.recorder import day_of
from tallybrook.entrypoints.lambdas import runtime, sequence, workflow
from tallybrook.events.instants import DAY_US
from tallybrook.events.reading import read_event
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.tables import EVENTS, physical
from tallybrook.ports.log import Write
from tallybrook.ports.usage import SHARED
from tallybrook.workflows.runs import new_run
from tests.lambdas import deliveries as d
from tests.lambdas.stack import Stack
from tests.support.streams import Batch, Pump

ACME, RIVAL = 9, 3
DAY = "2026-03-04"


def recorded(function: str, meter: str, day: str = "") -> dict[str, float]:
    """A meter of a function by account, of a day: of today, and of yesterday."""
    opened = runtime.opened()
    first, last = (day or day_of(opened.now_us() - DAY_US)), (day or day_of(opened.now_us()))
    rows = opened.stores.works().usage.between(first, last)
    return {
        row.account_id: row.quantity
        for row in rows
        if (row.function, row.meter) == (function, meter)
    }


def written(account: str, count: int) -> int:
    """Store events of an account; the bytes of their lines."""
    opened = runtime.opened()
    bodies = [d.text(d.event(f"{account}-{n}")).encode() for n in range(count)]
    opened.log.write(Write([read_event(body, account, opened.now_us()) for body in bodies]))
    rows = client("dynamodb").scan(TableName=physical(opened.settings.stack, EVENTS))["Items"]
    return sum(len(row["line"]["S"]) for row in rows if row["pk"]["S"].startswith(f"{account}#"))


def test_events_are_recorded_once_and_billed_to_their_accounts(here: Stack) -> None:
    """How many and how large, by account; the invocation that numbered them is divided by their
    number, and one that is delivered again adds no events."""
    sizes = {"acme": written("acme", ACME), "rival": written("rival", RIVAL)}
    batches: list[Batch] = []

    def handle(batch: Batch) -> Any:
        batches.append(batch)
        runtime.meter.cache_clear()  # a fresh environment writes down after its first call
        return sequence.handler({"Records": batch}, None)

    Pump(physical(here.name, EVENTS), handle, shards=1).run()
    assert recorded("sequence", "fact.events") == {"acme": ACME, "rival": RIVAL}
    assert recorded("sequence", "fact.bytes") == sizes
    calls = recorded("sequence", "lambda.request")
    assert calls == {"acme": pytest.approx(0.75), "rival": pytest.approx(0.25)}
    units = recorded("sequence", "dynamodb.write_unit")
    assert units["acme"] == pytest.approx(3 * units["rival"])
    for batch in batches[:]:
        handle(batch)
    assert recorded("sequence", "fact.events") == {"acme": ACME, "rival": RIVAL}
    assert recorded("sequence", "lambda.request")[SHARED] == 1


def test_what_is_kept_is_a_days_usage_once(here: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables and objects are measured for the report of a day, in their part of a month, however
    often the job is done."""
    client("s3").create_bucket(Bucket=here.name)
    monkeypatch.setenv("TALLYBROOK_BUCKET", here.name)
    runtime.forget()
    body = b"x" * 3_100_000
    client("s3").put_object(Bucket=here.name, Key="lake/one", Body=body)
    works = runtime.opened().stores.works()
    slot = {"job": "cost-report", "slot": "2026-03-05T00:10:00Z"}
    try:
        for name in ("first", "second"):
            works.runs.runs.create(new_run(name, "default", "job", slot, runtime.opened().now_us()))
            workflow.handler({"account_id": "default", "run_id": name, "step": "run"}, None)
            kept = recorded("store", "s3.storage", DAY)
            assert kept == {SHARED: pytest.approx(len(body) / 2**30 / 31, rel=1e-9)}
    finally:
        workflow.forget()
