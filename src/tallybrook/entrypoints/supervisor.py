"""``tallybrook serve``: binds the port, starts server and worker, and keeps them running.

The supervisor itself does no work and holds no data, so it has nothing to crash on. The
listening socket is its own: while a killed server is replaced, connections wait in the backlog
instead of being refused. A child is started again only after its predecessor was reaped, and
nobody else can hold the directory's lock, so there are never two writers.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from msgspec import Struct, field

from tallybrook.entrypoints.lifeline import LOCK_FD, PARENT_FD, end_with_parent, take_lock
from tallybrook.errors import ConflictError, UsageError

STOP_WITHIN_S = 20.0
_SERVER_SHARE_S = 15.0
_BACKOFF_S = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0)
_STEADY_S = 10.0
_BACKLOG = 2048
_EX_USAGE = 2


class Child(Struct):
    """A process that is kept running. ``pass_fds`` stay open in it."""

    name: str
    argv: list[str]
    pass_fds: tuple[int, ...]
    env: dict[str, str]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    stop_by_s: float = 0.0


class UnusableError(UsageError):
    """A child ended with exit code 2: no restart will help."""


def listen(host: str, port: int) -> socket.socket:
    """The bound, listening socket. Port 0 takes any free one. Raises ``ConflictError``."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise ConflictError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The address a browser on this machine opens."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def lock_data(data: Path) -> int:
    """Make the data directory, readable by its owner alone, and lock it."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return take_lock(data)


def become(listener: socket.socket, lock_fd: int, data: Path, *, worker: bool) -> NoReturn:
    """Replace this process by a supervisor that has loaded nothing but itself.

    It lives as long as the product does; what the command line loaded would stay in memory.
    """
    fd = listener.detach()
    for kept in (fd, lock_fd):
        os.set_inheritable(kept, True)
    argv = [sys.executable, "-m", "tallybrook.entrypoints.supervisor", "--data", str(data)]
    argv += ["--fd", str(fd), "--lock-fd", str(lock_fd), *([] if worker else ["--no-worker"])]
    sys.stdout.flush()
    os.execv(argv[0], argv)


def main(argv: Sequence[str] | None = None) -> int:
    """What ``become`` runs. Exit codes: 0 stopped, 2 when a child can never run."""
    parser = argparse.ArgumentParser(prog="tallybrook-supervisor", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--lock-fd", type=int, required=True)
    parser.add_argument("--no-worker", action="store_true")
    given = parser.parse_args(argv)
    for kept in (given.fd, given.lock_fd):
        os.set_inheritable(kept, False)
    end_with_parent()
    listener = socket.socket(fileno=given.fd)
    try:
        return supervise(listener, given.lock_fd, given.data, worker=not given.no_worker)
    except UnusableError as error:
        _log(error.detail)
        return _EX_USAGE


def supervise(listener: socket.socket, lock_fd: int, data: Path, *, worker: bool = True) -> int:
    """Run the product until SIGTERM or SIGINT and return 0.

    On a signal the server drains (15 s at most), then the worker flushes (20 s in all), and
    whatever is left is killed: all that was acknowledged is on disk before it is acknowledged.
    A second signal kills at once. Raises ``UnusableError`` when a child says (exit code 2) that
    no restart will help; its own line on stderr says why.
    """
    parent_read, parent_write = os.pipe()
    fds = (parent_read, lock_fd)
    env = os.environ | {PARENT_FD: str(parent_read), LOCK_FD: str(lock_fd)}
    fd = listener.fileno()
    children = [Child("server", _argv("server", data, "--fd", str(fd)), (fd, *fds), env)]
    if worker:
        children.append(Child("worker", _argv("worker", data), fds, env))
    try:
        return asyncio.run(_run(children, data, url_of(listener)))
    finally:
        os.close(parent_write)
        (data / "run.json").unlink(missing_ok=True)


def _argv(name: str, data: Path, *more: str) -> list[str]:
    module = f"tallybrook.entrypoints.{name}"
    return [sys.executable, "-m", module, *more, "--data", str(data)]


async def _run(children: list[Child], data: Path, url: str) -> int:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup: stay when the terminal goes
            loop.add_signal_handler(number, _on_signal, asked, children)

    def changed() -> None:
        write_run(data, url, {c.name: c.process.pid for c in children if c.process})

    keepers = {child.name: asyncio.create_task(_keep(child, changed)) for child in children}
    waiting = asyncio.create_task(asked.wait())
    await asyncio.wait([waiting, *keepers.values()], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await _stop_all(children, keepers)
    for task in keepers.values():
        task.result()
    return 0


def _on_signal(asked: asyncio.Event, children: list[Child]) -> None:
    if asked.is_set():
        for child in children:
            _send(child.process, signal.SIGKILL)
    asked.set()


async def _stop_all(children: list[Child], keepers: Mapping[str, asyncio.Task[None]]) -> None:
    """Server first: once it has ended the log grows no more and the worker can finish it."""
    begun = time.monotonic()
    for child in children:
        share = _SERVER_SHARE_S if child.name == "server" else STOP_WITHIN_S
        child.stop_by_s = begun + share
        child.stop.set()
        await asyncio.wait([keepers[child.name]])


async def _keep(child: Child, changed: Callable[[], None]) -> None:
    """Run the child, again and again, until it is told to stop."""
    failures = 0
    while not child.stop.is_set():
        begun = time.monotonic()
        try:
            process = await _start(child)
        except OSError as error:  # no memory, no process ids left: it may pass
            failures += 1
            await _pause(child, f"cannot be started: {error.strerror}", failures)
            continue
        changed()
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(child.stop.wait())
        await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if child.stop.is_set():
            await _end(process, child.stop_by_s)
            return
        if process.returncode == _EX_USAGE:
            raise UnusableError(f"the {child.name} cannot run with these settings")
        failures = 1 if time.monotonic() - begun > _STEADY_S else failures + 1
        await _pause(child, f"(pid {process.pid}) ended: {_how(process)}", failures)


async def _start(child: Child) -> asyncio.subprocess.Process:
    # A session of its own: Ctrl-C in a terminal reaches the supervisor alone, which drains.
    child.process = await asyncio.create_subprocess_exec(
        *child.argv,
        pass_fds=child.pass_fds,
        env=child.env,
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    return child.process


async def _pause(child: Child, why: str, failures: int) -> None:
    wait_s = _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]
    when = f"in {wait_s:g} s" if wait_s else "at once"
    _log(f"{child.name} {why}; starting it again {when}")
    with suppress(TimeoutError):
        await asyncio.wait_for(child.stop.wait(), wait_s)


async def _end(process: asyncio.subprocess.Process, stop_by_s: float) -> None:
    _send(process, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), max(0.0, stop_by_s - time.monotonic()))
    except TimeoutError:
        _log(f"pid {process.pid} did not stop in time and is killed")
        _send(process, signal.SIGKILL)
        await process.wait()


def _send(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if process is not None and process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(number)


def _how(process: asyncio.subprocess.Process) -> str:
    code = process.returncode or 0
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def write_run(data: Path, url: str, children: Mapping[str, int]) -> None:
    """``DATA/run.json``: who runs here. Replaced whole, so a reader never sees half of it."""
    fresh = data / "run.json.new"
    fresh.write_text(json.dumps({"pid": os.getpid(), "url": url, "children": dict(children)}))
    fresh.replace(data / "run.json")


def _log(text: str) -> None:
    print(f"tallybrook: {text}", file=sys.stderr, flush=True)  # noqa: T201 (a process's log)


if __name__ == "__main__":
    sys.exit(main())
