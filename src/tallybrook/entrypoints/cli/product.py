"""A ``tallybrook serve`` of one's own: started, waited for, stopped."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from tallybrook.entrypoints.lifeline import PARENT_FD
from tallybrook.errors import TallybrookError, UsageError

HOST = "127.0.0.1"
STOP_WITHIN_S = 25.0
_LOOK_EVERY_S = 0.05
_PORTS_TRIED = 100


class Product:
    """Runs the product on loopback; leaving the block drains and stops it.

    The product ends with this process, however this process ends. ``settings`` are variables of
    its environment, for what is not set there already.
    """

    def __init__(
        self, data: Path, port: int, admin_key: str, settings: Mapping[str, str] | None = None
    ) -> None:
        self.url = f"http://{HOST}:{port}"
        self._argv = [
            *(sys.executable, "-m", "tallybrook.entrypoints.cli", "serve"),
            *("--host", HOST, "--port", str(port), "--data", str(data)),
        ]
        quiet = {"TALLYBROOK_LOG_LEVEL": "warning", **(settings or {})}
        self._env = quiet | os.environ | {"TALLYBROOK_ADMIN_KEY": admin_key}

    def __enter__(self) -> "Product":
        parent_read, self._parent_write = os.pipe()
        self._process = subprocess.Popen(
            self._argv,
            env=self._env | {PARENT_FD: str(parent_read)},
            pass_fds=(parent_read,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # A session of its own: Ctrl-C is for us, who then stop it in order.
            start_new_session=True,
        )
        os.close(parent_read)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._parent_write)

    def require_running(self) -> None:
        """Raise ``TallybrookError`` when the product has ended."""
        code = self._process.poll()
        if code is not None:
            raise TallybrookError(f"the product ended with exit code {code}, see above")

    def wait_until_ready(self, within_s: float, stop: threading.Event) -> None:
        """Return when ``/ready`` says so, or ``stop`` is set. Raises ``TallybrookError``."""
        deadline = time.monotonic() + within_s
        with httpx.Client(base_url=self.url, timeout=5.0, trust_env=False) as client:
            while not _is_ready(client) and not stop.wait(_LOOK_EVERY_S):
                self.require_running()
                if time.monotonic() > deadline:
                    raise TallybrookError(f"the product was not ready within {within_s:g} s")


def free_port(wanted: int) -> int:
    """``wanted`` if nobody listens there, else the next free one. 0: any free one."""
    for port in range(wanted, min(wanted + _PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except PermissionError as error:
                raise UsageError(f"port {port} may not be used: {error.strerror}") from error
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise TallybrookError(f"no free port from {wanted} on")


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/ready").is_success
    except httpx.HTTPError:
        return False
