"""``tallybrook serve`` with assessments: from the door to the score over all its processes."""

import os
import signal
import stat
from functools import partial
from pathlib import Path

import pytest

from tests.assessments.raw import assessment
from tests.support import running_product, tallybrook, wait_for


def test_from_a_posted_assessment_to_its_score(tmp_path: Path) -> None:
    """Through server, queue, worker and back into the log, also when the worker was killed; what
    is personal is in raw objects alone, and the secret is the owner's."""
    with running_product(tmp_path) as product:
        mode = (product.data / "secrets/privacy").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
        os.kill(product.pids["worker"], signal.SIGKILL)
        raws = [assessment(userId=f"person-{n}", assessmentId=f"a{n}") for n in range(5)]
        reply = product.client.post("/assessments/batch", json={"assessments": raws * 2})
        assert (reply.status_code, reply.json()["accepted"]) == (202, 10)
        get = product.client.get

        def scored(path: str) -> bool:
            return bool(get(path).json()["status"] == "scored")

        for told in reply.json()["results"]:
            wait_for(partial(scored, told["location"]), 40)
        latest = get("/users/person-3/ocean").json()
        assert latest["scores"]["completeness"] == 1
        series = "assessment_scored"

        def counted() -> int:
            found = get("/series").json()["series"]
            return sum(one["count"] for one in found if one["series"] == series)

        wait_for(lambda: counted() == 5)
        assert product.stop() == 0
        assert "person-" not in product.log
    for path in product.data.rglob("*"):
        if path.is_file() and not path.is_relative_to(product.data / "objects/received"):
            assert b"person-" not in path.read_bytes(), path


@pytest.mark.parametrize(
    "env",
    [
        {"TALLYBROOK_SECRET": "too short"},
        {"TALLYBROOK_OLDER_SECRETS": "x" * 32},
        {"TALLYBROOK_PRIVACY": "nowhere.json"},
    ],
)
def test_a_bad_secret_is_refused(tmp_path: Path, env: dict[str, str]) -> None:
    """Exit code 2 with what is wrong, and nothing is made; the secret is not quoted."""
    ran = tallybrook("serve", "--port", "0", "--data", str(tmp_path / "data"), env=env)
    assert ran.code == 2
    assert ran.err.strip()
    assert "too short" not in ran.err
    assert not (tmp_path / "data").exists()
