"""Files put into the bucket of the deployed stack, told of by S3 itself."""

import json
from typing import Any

from tallybrook.ports.aws.clients import client
from tests.aws_e2e.conftest import Deployed
from tests.support.waiting import wait_for_stack

WITHIN_S = 90
KEY = "raw/events/jane.roe+work@mail.example.com ü.ndjson"
IMPORT = "imports/of march+april.ndjson"


def test_a_file_is_worked_off_once(deployed: Deployed) -> None:
    """With a name that S3 encodes and a bad row: its rows are counted, the bad row is kept with
    its number, an import's is in a report, and the file lies in the archive. Put again, nothing
    changes. Nowhere but in the list for admins is its name."""
    made = [{"event_type": "filed", "user_id": f"u{n}"} for n in range(120)]
    body = "\n".join([*map(json.dumps, made[:70]), "{bad", *map(json.dumps, made[70:])]).encode()
    objects, bucket = client("s3"), deployed.outputs["Bucket"]

    def put() -> None:
        for key in (KEY, IMPORT):
            objects.put_object(Bucket=bucket, Key=key, Body=body.replace(b"filed", kinds[key]))

    def keys() -> list[str]:
        found = objects.list_objects_v2(Bucket=bucket).get("Contents", ())
        return [one["Key"] for one in found]

    def files() -> dict[str, Any]:
        found = [one for one in deployed.get("/files")["files"] if one["name"] in (KEY, IMPORT)]
        return {one["name"]: one for one in found}

    def done() -> bool:
        return [one["status"] for one in files().values()] == ["done"] * 2 and not waiting(keys())

    def waiting(found: list[str]) -> set[str]:
        return {KEY, IMPORT} & set(found)

    kinds = {KEY: b"filed", IMPORT: b"imported"}
    put()
    wait_for_stack(done, WITHIN_S, "both are done and put away")
    first = files()
    for name in (KEY, IMPORT):
        one = first[name]
        assert (one["received"], one["accepted"], one["duplicate"], one["rejected"]) == (
            121, 120, 0, 1,
        )  # fmt: skip
        assert one["archived"] in keys()
    report = objects.get_object(Bucket=bucket, Key=first[IMPORT]["output"])["Body"].read()
    (line,) = report.splitlines()
    assert (json.loads(line)["row"], json.loads(line)["line"]) == (71, 71)
    for series in ("filed", "imported"):
        wait_for_stack(
            lambda s=series: deployed.counted(s) == 120, WITHIN_S, f"{series} are counted"
        )
    kept = [one for one in deployed.get("/failed", limit=500)["failed"] if one["body"] == "{bad"]
    assert [one["detail"][:18] for one in kept] == ["row 71 (line 71): "]
    put()
    wait_for_stack(lambda: not waiting(keys()), WITHIN_S, "they are put away again")
    assert files() == first
    assert [deployed.counted(series) for series in ("filed", "imported")] == [120, 120]
    assert not any("jane" in key for key in keys())
    assert "jane" not in json.dumps(deployed.get("/failed", limit=500))
