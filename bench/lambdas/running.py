"""What the function of workflows is handed: the steps of a file's run, one a call."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import closing

from bench.lambdas.events import event
from bench.lambdas.world import World
from tallybrook.ports.state.aws import DynamoState
from tallybrook.workflows.runs import STEPS, Runs, new_run

ACCOUNT = "default"
ROWS = 1_000


def steps_of_files(world: World, rows: int = ROWS) -> Iterator[dict[str, str]]:
    """Each step of one run after the other, then of the next."""
    with closing(DynamoState(world.stack)) as state:
        runs = Runs(state)
        while True:
            run_id = uuid.uuid4().hex
            key = f"raw/events/{run_id}.ndjson"
            body = "\n".join(json.dumps(event(number)) for number in range(rows))
            world.client("s3").put_object(Bucket=world.bucket, Key=key, Body=body.encode())
            now_us = time.time_ns() // 1000
            runs.create(new_run(run_id, ACCOUNT, "file", {"key": key}, now_us))
            for step in STEPS:
                yield {"account_id": ACCOUNT, "run_id": run_id, "step": step}
