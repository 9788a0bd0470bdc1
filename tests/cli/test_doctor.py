"""``tallybrook doctor``: on this machine, beside a product, against an account."""

import json
import socket
from pathlib import Path
from typing import Any

from tests.support import Running, tallybrook
from tests.support.emulator import Emulator


def checks(out: str) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(out)}


def test_a_fit_machine_is_exit_code_0(tmp_path: Path) -> None:
    """A line a check and a sum; nothing is made."""
    ran = tallybrook("doctor", "--data", str(tmp_path / "data"), "--port", "0")
    assert (ran.code, ran.err) == (0, "")
    assert "0 failed" in ran.out.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_what_failed_says_what_to_do_and_is_exit_code_1(tmp_path: Path) -> None:
    """The fix stands under the check; programs get the same as JSON."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        args = ["doctor", "--data", str(tmp_path), "--port", str(other.getsockname()[1])]
        ran, as_json = tallybrook(*args), tallybrook(*args, "--json")
    assert (ran.code, as_json.code) == (1, 1)
    lines = ran.out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("✗ port"))
    assert "→ stop what listens there" in lines[at + 1]
    port = checks(as_json.out)["port"]
    assert (port["status"], set(port)) == ("fail", {"name", "status", "detail", "fix"})


def test_beside_a_running_product(product: Running) -> None:
    """Its lock, its port and its log are known as its own, and it is not disturbed."""
    product.client.post("/events", json={"event_type": "doctored", "user_id": "u"})
    port = product.url.rpartition(":")[2]
    ran = tallybrook("doctor", "--data", str(product.data), "--port", port, "--json")
    found = checks(ran.out)
    assert ran.code == 0, ran
    assert f"pid {product.told().pid}" in found["lock"]["detail"]
    assert "own" in found["port"]["detail"]
    assert "entries, the newest of" in found["log"]["detail"]
    assert found["permissions"]["status"] == "ok"
    assert product.is_ready()


def test_a_broken_log_is_a_failed_check(tmp_path: Path) -> None:
    """One line with what to do, and the other checks."""
    (tmp_path / "log.db").write_bytes(b"no database" * 1000)
    ran = tallybrook("doctor", "--data", str(tmp_path), "--port", "0", "--json")
    found = checks(ran.out)
    assert (ran.code, found["log"]["status"], found["port"]["status"]) == (1, "fail", "ok")
    assert "backup" in found["log"]["fix"]


def test_an_account_without_the_stack(emulator: Emulator) -> None:
    """Who and where is told, and that there is nothing."""
    env = {**emulator.environment, "TALLYBROOK_STACK": "nowhere"}
    ran = tallybrook("doctor", "--aws", "--json", env=env)
    found = checks(ran.out)
    assert (ran.code, ran.err) == (1, "")
    assert found["identity"]["status"] == "ok"
    assert (found["stack"]["status"], "nowhere" in found["stack"]["detail"]) == ("fail", True)
    same = tallybrook("doctor", "--json", "--stack", "nowhere", env={
        **emulator.environment, "TALLYBROOK_BACKEND": "aws",
    })  # fmt: skip
    assert set(checks(same.out)) == set(found)
