"""Runs through the deployed state machine, whose function fails in between."""

import json
from typing import Any

from tallybrook.ports.aws.clients import client
from tests.aws_e2e.conftest import Deployed
from tests.support.faults import every_second
from tests.support.waiting import wait_for_stack

WITHIN_S = 90
SILENT = "InternalServerError"
"""With the proxy's status 400 the SDK does not try this one again: the function fails."""


def test_a_file_goes_through_the_state_machine(deployed: Deployed) -> None:
    """A run that was asked for over HTTP is worked off step by step, by a function that fails in
    between and is tried again, into events that are counted once; asked for again it is the same
    run."""
    rows = [{"event_type": "worked_off", "user_id": f"u{n}"} for n in range(60)]
    body = "\n".join(map(json.dumps, rows)) + "\n{broken\n"
    key = "runs/uploaded/day.ndjson"
    client("s3").put_object(Bucket=deployed.outputs["Bucket"], Key=key, Body=body.encode())
    with (
        deployed.with_environment("workflow", AWS_ENDPOINT_URL=deployed.services.endpoint),
        deployed.services.failing(every_second(3, SILENT, "PutItem")),
    ):
        reply = deployed.http.post("/runs", json={"kind": "file", "key": key})
        assert reply.status_code == 202, reply.text
        run_id = reply.json()["run_id"]

        def run() -> Any:
            return deployed.get(f"/runs/{run_id}")

        wait_for_stack(
            lambda: run()["status"] not in ("queued", "running"), WITHIN_S, "the run's end"
        )
    found = run()
    assert found["status"] == "succeeded", found
    assert sum(step["tries"] for step in found["steps"]) > len(found["steps"])
    assert found["steps"][3]["output"] == {"stored": 60, "rejected": 1}
    wait_for_stack(lambda: deployed.counted("worked_off") == 60, WITHIN_S, "all are counted")
    again = deployed.http.post("/runs", json={"kind": "file", "key": key}).json()
    assert (again["run_id"], again["status"]) == (run_id, "succeeded")


def test_a_range_is_counted_again(deployed: Deployed) -> None:
    """A backfill of a day goes through the same machine, and finds what the sequencer counted
    right."""
    asked = {"kind": "range", "start": "2026-03-04", "end": "2026-03-05"}
    run_id = deployed.http.post("/runs", json=asked).json()["run_id"]
    wait_for_stack(
        lambda: deployed.get(f"/runs/{run_id}")["status"] not in ("queued", "running"),
        WITHIN_S, "the run's end",
    )  # fmt: skip
    found = deployed.get(f"/runs/{run_id}")
    assert found["status"] == "succeeded", found


def test_what_it_cost_is_told(deployed: Deployed) -> None:
    """Functions measured themselves: the report has them, their services and their sum."""
    found = deployed.get("/costs/report")
    assert found["measured"] is True
    names = {function["function"] for function in found["functions"]}
    assert {"http", "sequence"} <= names
    assert found["what_if"][0]["what"] == "as it was"  # events of the account are known
    assert {"Lambda", "API Gateway", "DynamoDB"} <= {s["name"] for s in found["by_service"]}
    assert found["listed_usd"] > 0
