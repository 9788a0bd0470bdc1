"""``tallybrook serve``: it keeps running, it stops in order, and there is never a second writer."""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fault import stores
from tests.support import (
    Running,
    is_gone,
    running_product,
    start_cli,
    tallybrook,
    wait_for,
    wait_until_gone,
)


def send(product: Running, event_id: str) -> str:
    event = {"event_type": "kept", "user_id": "u", "event_id": event_id}
    answer = product.client.post("/events", json=event)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["status"])


def replaced(product: Running, name: str, old: int) -> bool:
    return product.pids.get(name, old) != old


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """For tests after which it still runs: those that only end children of it."""
    with running_product(tmp_path_factory.mktemp("supervisor")) as running:
        yield running


def test_a_killed_server_is_replaced_and_nobody_is_refused(product: Running) -> None:
    """The port is the supervisor's: a connection made meanwhile waits instead of failing."""
    send(product, "before")
    old = product.pids["server"]
    os.kill(old, signal.SIGKILL)
    host, port = product.client.base_url.host, product.client.base_url.port
    with socket.create_connection((host, port or 0), timeout=5):
        pass
    wait_for(lambda: replaced(product, "server", old), 30, "a new server")
    assert send(product, "before") == "duplicate"
    assert send(product, "after") == "accepted"
    assert f"server (pid {old}) ended: signal 9" in product.log


def test_a_killed_worker_is_replaced_and_catches_up(product: Running) -> None:
    """The lake goes on where its own position says, and lag goes back to nothing."""
    old = product.pids["worker"]
    os.kill(old, signal.SIGKILL)
    send(product, "while it was away")
    wait_for(lambda: replaced(product, "worker", old), 30, "a new worker")
    caught_up = {"lake": 0, "users": 0, "entities": 0, "usage": 0}
    wait_for(lambda: lags(product) == caught_up, 60, "consumers to catch up")


def lags(product: Running) -> dict[str, int]:
    answer = product.client.get("/consumers").json()
    return {consumer["name"]: consumer["lag"] for consumer in answer["consumers"]}


def test_sigterm_stops_everything_with_exit_code_0(tmp_path: Path) -> None:
    """No child is left, no stale run.json, and what lingered has been flushed."""
    with running_product(tmp_path) as product:
        send(product, "last words")
        children = [product.pids["server"], product.pids["worker"]]
        assert product.stop() == 0
        assert all(is_gone(pid) for pid in children)
        assert not (product.data / "run.json").exists()
        told = json.loads((product.data / "consumers.json").read_text())
        assert {c["name"]: (c["position"], c["status"]) for c in told["consumers"]}["lake"] == (
            1,
            "stopped",
        )


def test_sigterm_lets_requests_in_flight_finish(tmp_path: Path) -> None:
    """A request whose body is still arriving is answered, and what it brought is kept."""
    with running_product(tmp_path) as product:
        arrived, go_on = threading.Event(), threading.Event()
        answers: list[httpx.Response] = []
        thread = threading.Thread(target=post_slowly, args=(product, arrived, go_on, answers))
        thread.start()
        assert arrived.wait(20)
        product.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "Shutting down" in product.log, 20, "the server to drain")
        go_on.set()
        thread.join(20)
        assert [answer.status_code for answer in answers] == [202]
        assert product.process.wait(30) == 0
    assert [entry.line["event_id"] for entry in stores.read_log(product.data)] == ["in flight"]


def post_slowly(
    product: Running,
    arrived: threading.Event,
    go_on: threading.Event,
    answers: list[httpx.Response],
) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"event_type":"kept","user_id":"u",'
        arrived.set()
        go_on.wait(20)
        yield b'"event_id":"in flight"}'

    headers = {"Content-Type": "application/json"}
    answers.append(product.client.post("/events", content=body(), headers=headers))


def test_two_serves_on_one_directory_are_refused(product: Running) -> None:
    """The second says who has it, exits with 1, and the first is not disturbed."""
    ran = tallybrook("serve", "--port", "0", "--data", str(product.data))
    assert ran.code == 1
    assert f"pid {product.process.pid}" in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert send(product, "undisturbed") == "accepted"


def test_when_the_supervisor_is_killed_the_children_end_and_a_new_serve_starts(
    tmp_path: Path,
) -> None:
    """No orphan keeps writing: within seconds the directory is free, and nothing is lost."""
    with running_product(tmp_path) as product:
        send(product, "durable")
        children = [product.pids["server"], product.pids["worker"]]
        os.kill(product.process.pid, signal.SIGKILL)
        product.process.wait()
        for pid in children:
            wait_until_gone(pid, 5)
        with running_product(tmp_path, data=product.data) as again:
            assert send(again, "durable") == "duplicate"


def test_all_processes_killed_at_once_lose_nothing(tmp_path: Path) -> None:
    """As after a power cut: what was acknowledged is there, once."""
    with running_product(tmp_path) as product:
        send(product, "acknowledged")
        pids = product.pids
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        product.process.wait()
        for name in ("server", "worker"):
            wait_until_gone(pids[name])
        entries = stores.read_log(product.data)
        assert [entry.line["event_id"] for entry in entries] == ["acknowledged"]
        stores.check_counters(product.data, entries)


def test_query_children_hold_neither_the_lock_nor_the_port(product: Running) -> None:
    """A reader that outlives its server for a moment never keeps a new serve from starting."""
    wait_for(product.is_ready)
    server = product.pids["server"]
    (listener,) = listening(server)
    children = wait_for(lambda: children_of(server), 20, "query children")
    for pid in children:
        held = open_files(pid)
        assert listener not in held
        assert not any(target.endswith("/lock") for target in held)


def listening(pid: int) -> set[str]:
    """The listening sockets of a process as /proc/PID/fd names them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"} & open_files(pid)


def open_files(pid: int) -> set[str]:
    return {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}


def children_of(pid: int) -> list[int]:
    lists = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return [int(child) for text in lists for child in text.split()]


def test_a_port_that_is_taken_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    """And no process is left behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = tallybrook("serve", "--port", port, "--data", str(tmp_path))
    assert ran.code == 1
    assert port in ran.err
    assert len(ran.err.strip().splitlines()) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "somewhere.example"])
def test_without_authentication_only_this_machine_is_served(tmp_path: Path, host: str) -> None:
    """Refused before anything is bound or made."""
    data = tmp_path / "data"
    ran = tallybrook("serve", "--host", host, "--data", str(data), env={"TALLYBROOK_AUTH": "false"})
    assert ran.code == 2
    assert "authentication is off" in ran.err
    assert not data.exists()


def test_the_first_start_shows_a_key_once(tmp_path: Path) -> None:
    """The key opens the product; the second start does not show it again."""
    first = output_until(tmp_path, "/events -H")
    key = next(line.strip() for line in first if line.startswith("  tb_"))
    with running_product(tmp_path, key=key, data=tmp_path / "data") as product:
        assert product.client.get("/series").status_code == 200
        assert key not in product.log


def output_until(tmp_path: Path, text: str) -> list[str]:
    """The lines that a fresh serve prints up to one with ``text``; it is stopped then."""
    process = start_cli("serve", "--port", "0", "--data", str(tmp_path / "data"))
    try:
        return read_until(process, text)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def read_until(process: "subprocess.Popen[bytes]", text: str) -> list[str]:
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line.decode().rstrip())
        if text in seen[-1]:
            return seen
    raise AssertionError(f"{text!r} was not printed: {seen}")
