"""The real product, started with ``tallybrook serve`` on a free loopback port."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
import msgspec

from tallybrook.reaching import NO_AUTHORITIES
from tests.support.commands import ARGV, clean_env
from tests.support.waiting import wait_for, wait_until_gone

ADMIN_KEY = "test-admin-key-0123456789"
_READY_WITHIN_S = 40.0
_STOP_WITHIN_S = 30.0


class Told(msgspec.Struct):
    """``run.json``: the supervisor's pid, the product's address, the children by name."""

    pid: int
    url: str
    children: dict[str, int]


class Running:
    """A started product. ``log`` is what it printed, both streams, so far."""

    def __init__(self, process: "subprocess.Popen[bytes]", data: Path, key: str, log: Path) -> None:
        self.process, self.data, self.key, self._log = process, data, key, log
        self.url = ""
        self.client = httpx.Client(trust_env=False, verify=NO_AUTHORITIES)

    @property
    def pids(self) -> dict[str, int]:
        """``supervisor`` and its children by name, as they are now."""
        told = self.told()
        return {"supervisor": told.pid, **told.children}

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def told(self) -> Told:
        """``run.json``."""
        return msgspec.json.decode((self.data / "run.json").read_bytes(), type=Told)

    def become_ready(self) -> "Running":
        """Wait until ``/ready`` answers 200, and open the client."""
        wait_for(self._is_told, _READY_WITHIN_S, "run.json")
        self.url = self.told().url
        self.client.close()
        self.client = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=30.0,
            trust_env=False,
            verify=NO_AUTHORITIES,
        )
        wait_for(self.is_ready, _READY_WITHIN_S, f"/ready; it said:\n{self.log}")
        return self

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"serve ended:\n{self.log}"
        try:
            return self.client.get("/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_WITHIN_S)

    def end(self) -> None:
        """End exactly the processes that this start made, however the test left them."""
        self.client.close()
        children = self._children()
        with suppress(subprocess.TimeoutExpired):
            if self.process.poll() is None:
                self.stop()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in children:
            wait_until_gone(pid, _STOP_WITHIN_S)

    def _is_told(self) -> bool:
        assert self.process.poll() is None, f"serve ended:\n{self.log}"
        with suppress(FileNotFoundError):
            return self.told().pid == self.process.pid
        return False

    def _children(self) -> list[int]:
        with suppress(FileNotFoundError):
            told = self.told()
            if told.pid == self.process.pid:
                return list(told.children.values())
        return []


@contextmanager
def running_product(
    tmp_path: Path,
    *options: str,
    key: str = ADMIN_KEY,
    data: Path | None = None,
    wait: bool = True,
    **env: str,
) -> Iterator[Running]:
    """A product on ``tmp_path/"data"`` (or ``data``), ready, with an admin key.

    ``env``: settings by their full names, e.g. ``TALLYBROOK_DRAIN_S="1"``. ``options`` go to
    ``serve``. Leaving the block stops it; starting again on the same directory is fine.
    """
    data = data or tmp_path / "data"
    log = tmp_path / f"serve-{os.urandom(4).hex()}.log"
    with log.open("wb") as file:
        running = Running(_start(data, key, options, env, file), data, key, log)
        try:
            yield running.become_ready() if wait else running
        finally:
            running.end()


def _start(
    data: Path, key: str, options: tuple[str, ...], env: dict[str, str], output: IO[bytes]
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*ARGV, "serve", "--port", "0", "--data", str(data), *options],
        env=clean_env({"TALLYBROOK_ADMIN_KEY": key, **env}),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
