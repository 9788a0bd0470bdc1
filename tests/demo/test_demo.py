"""``tallybrook demo`` end to end: two short runs on one directory."""

import json
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tallybrook.demo import tutoring
from tallybrook.demo.rows import flights, shop
from tallybrook.reaching import NO_AUTHORITIES
from tests.support import is_gone, start_cli, tallybrook, wait_for, wait_until_gone


class Demo:
    """A running demo; ``said`` is its output so far."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.said = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line.decode()

    def wait_to_say(self, pattern: str, within_s: float = 60) -> "re.Match[str]":
        def look() -> "re.Match[str] | None":
            found = re.search(pattern, self.said)
            assert found or self.process.poll() is None, self.said
            return found

        found = wait_for(look, within_s, f"{pattern!r} in {self.said}")
        assert found
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(40)
        self._reader.join(10)
        return code

    def end(self) -> None:
        if self.process.poll() is None:
            self.stop()
        self._reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


@contextmanager
def running_demo(data: Path, *options: str) -> Iterator[Demo]:
    demo = Demo(start_cli("demo", "--data", str(data), *options))
    try:
        yield demo
    finally:
        demo.end()


def client_of(demo: Demo) -> httpx.Client:
    found = demo.wait_to_say(r"(http://127\.0\.0\.1:\d+)/#key=(\S+)")
    headers = {"Authorization": f"Bearer {found[2]}"}
    return httpx.Client(
        base_url=found[1], headers=headers, trust_env=False, timeout=20, verify=NO_AUTHORITIES
    )


def drifts(client: httpx.Client) -> list[str]:
    """The states of the alerts about two AIs that agree less."""
    found = client.get("/alerts", params={"limit": 1000}).json()["alerts"]
    return [one["state"] for one in found if one["alert_type"] == "agreement_drift"]


def counts(client: httpx.Client) -> dict[str, int]:
    return {s["series"]: s["count"] for s in client.get("/series").json()["series"]}


def test_two_runs_show_live_numbers_and_count_the_history_once(tmp_path: Path) -> None:
    """Every panel has content, Ctrl-C stops cleanly, and the second run goes on from there."""
    data = tmp_path / "demo"
    with running_demo(data, "--port", "0", "--speed", "20") as demo:
        assert_shows_everything(demo)
        children = json.loads((data / "run.json").read_text())["children"].values()
        assert demo.stop() == 0
        assert all(is_gone(pid) for pid in children)
    before = json.loads((data / "demo.json").read_text())
    with running_demo(data, "--port", "0", "--speed", "20") as demo, client_of(demo) as client:
        demo.wait_to_say("not loaded again")
        counted = counts(client)
        wait_for(lambda: sum(counts(client).values()) > sum(counted.values()), 20, "live numbers")
        events = sum(n for name, n in counted.items() if name not in ("items", "tasks"))
        least = history() + simulated(before["anchor_us"]) + before["steps"]
        # A run that is stopped in the middle of saving may have sent a few steps more.
        assert least <= events < least + 2000
        assert client.get("/events/demo-shop-000001").status_code == 200


def history() -> int:
    """How many events of the shop and of flights are loaded at first."""
    return len(shop().history) + len(flights().history)


def simulated(anchor_us: int) -> int:
    """How many different events the history of the tutoring marketplace has."""
    lines = [line for _, sent in tutoring.history(anchor_us) for line in sent.body.split(b"\n")]
    return len({json.loads(line)["event_id"] for line in lines})


def assert_shows_everything(demo: Demo) -> None:
    with client_of(demo) as client:
        demo.wait_to_say("times moved so that the data ends now")
        demo.wait_to_say(r"Loaded in")
        assert demo.said.count("  curl ") == 3
        wait_for(lambda: {"items", "tasks"} <= counts(client).keys(), 30, "records")
        wait_for(lambda: len(client.get("/failed").json()["failed"]) > 1, 30, "failed records")
        live = client.get("/realtime/metrics").json()
        assert live["check"]["ok"]
        moving = [s for s in live["series"] if s["buckets"]["60"]["current"]["count"]]
        assert len(moving) > 3
        demo.wait_to_say("are simulated")
        parts = client.get("/demo").json()["simulated"]
        assert parts == ["entities", "assessments", "agreement", "failures"]
        one = client.get("/assessments/demo-0001-1", params={"user_id": "respondent-0001"})
        assert one.json()["status"] in ("received", "scored")
        wait_for(lambda: drifts(client) == ["over"], 120, "a drift of the two AIs that is over")
        for kind in ("student", "tutor", "supply_demand"):
            path = f"/entities/{kind}"
            wait_for(lambda path=path: client.get(path).json()["total"] > 20, 60, kind)  # type: ignore[misc]
        wait_for(lambda: len(client.get("/alerts").json()["alerts"]) > 5, 60, "alerts")


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl to try them with")
def test_the_three_commands_to_try_work_as_printed(tmp_path: Path) -> None:
    """Copied from the screen into a shell they answer with JSON, not with a problem."""
    with running_demo(tmp_path / "demo", "--port", "0") as demo, client_of(demo):
        demo.wait_to_say(r"Ctrl-C stops\.")
        commands = re.findall(r"^  (curl (?:.*\\\n)?.*)$", demo.said, re.MULTILINE)
        assert len(commands) == 3
        for command in commands:
            done = subprocess.run(
                ["sh", "-c", command.replace("curl ", "curl -s --noproxy '*' ", 1)],
                capture_output=True,
                timeout=60,
                check=True,
            )
            answer = json.loads(done.stdout)
            assert "detail" not in answer, answer


def test_a_taken_port_is_said_and_the_next_one_used(tmp_path: Path) -> None:
    """And a run with a time limit ends by itself with exit code 0."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = tallybrook(
            "demo", "--data", str(tmp_path / "demo"), "--port", str(port), "--exit-after", "0.5",
            within_s=120,
        )  # fmt: skip
    assert ran.code == 0, ran.err
    assert re.search(rf"^Port {port} is taken; using \d+\.$", ran.out, re.MULTILINE)
    assert "goes on from there" in ran.out


def test_a_demo_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    """kill -9 of the demo ends the product that it started."""
    data = tmp_path / "demo"
    with running_demo(data, "--port", "0") as demo:
        demo.wait_to_say("Live numbers")
        told = json.loads((data / "run.json").read_text())
        demo.process.kill()
        for pid in (told["pid"], *told["children"].values()):
            wait_until_gone(pid, 10)
