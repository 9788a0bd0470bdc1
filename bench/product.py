"""The real product on a directory of its own, driven over HTTP as anybody would."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from bench import machine

_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 40.0


class Product:
    """A started ``tallybrook serve``."""

    def __init__(self, process: "subprocess.Popen[bytes]", data: Path, key: str) -> None:
        self.process, self.data, self.key = process, data, key
        self.client = httpx.Client(trust_env=False)

    @property
    def told(self) -> dict[str, Any]:
        """``run.json``: the processes and the address."""
        found: dict[str, Any] = json.loads((self.data / "run.json").read_text())
        return found

    @property
    def port(self) -> int:
        return int(self.told["url"].rpartition(":")[2])

    @property
    def server(self) -> list[int]:
        """The server process alone."""
        return [int(self.told["children"]["server"])]

    @property
    def everything(self) -> list[int]:
        """All processes of the product."""
        return machine.tree(self.process.pid)

    def head(self) -> int:
        """The highest sequence number of the log."""
        return int(self.client.get("/ready").json()["head_seq"])

    def caught_up(self) -> bool:
        """Whether every consumer has taken in all of the log."""
        consumers = self.client.get("/consumers").json()["consumers"]
        return bool(consumers) and all(consumer["lag"] == 0 for consumer in consumers)

    def settle(self, within_s: float = 300.0) -> None:
        """Wait until the lake and the indexes hold all of the log."""
        wait_for(self.caught_up, within_s, "consumers to catch up")

    def query(self, sql: str) -> dict[str, Any]:
        """One statement through the API."""
        reply = self.client.post("/query", json={"sql": sql, "full_scan": True}, timeout=300)
        reply.raise_for_status()
        found: dict[str, Any] = reply.json()
        return found


@contextmanager
def product(
    scratch: Path, *options: str, data: Path | None = None, **settings: str
) -> Iterator[Product]:
    """A product that is ready, with limits on queries off. Ended when the block is left."""
    data = data or scratch / f"data-{secrets.token_hex(4)}"
    key = f"bench-{secrets.token_hex(16)}"
    env = {n: v for n, v in os.environ.items() if not n.startswith("TALLYBROOK_")}
    env |= {"TALLYBROOK_ADMIN_KEY": key, "TALLYBROOK_QUERY_RATE": "0"}
    env |= {"TALLYBROOK_QUERY_MAX_BYTES": str(1 << 40), **settings}
    log = scratch / f"serve-{secrets.token_hex(4)}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tallybrook.entrypoints.cli", "serve"),
                *("--port", "0", "--data", str(data), *options),
            ],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        running = Product(process, data, key)
        try:
            _become_ready(running, log)
            yield running
        finally:
            running.client.close()
            _end(process)


def _become_ready(running: Product, log: Path) -> None:
    wait_for(lambda: _is_told(running, log), _READY_WITHIN_S, "run.json")
    running.client.close()
    running.client = httpx.Client(
        base_url=running.told["url"],
        headers={"Authorization": f"Bearer {running.key}"},
        timeout=60.0,
        trust_env=False,
    )
    wait_for(lambda: _answers(running), _READY_WITHIN_S, "/ready")


def _is_told(running: Product, log: Path) -> bool:
    if running.process.poll() is not None:
        raise RuntimeError(f"serve ended:\n{log.read_text(errors='replace')}")
    with suppress(FileNotFoundError):
        return bool(running.told["pid"] == running.process.pid)
    return False


def _answers(running: Product) -> bool:
    with suppress(httpx.HTTPError):
        return running.client.get("/ready").status_code == 200
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_WITHIN_S)
    if process.poll() is None:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Until ``condition`` holds; ``TimeoutError`` after ``within_s``."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(0.05)
