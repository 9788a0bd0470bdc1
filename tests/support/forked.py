"""Processes that start with the product's modules already loaded: a command line in 50 ms.

A template process loads them once. It forks for every command, so each is a process of its own
with its own arguments, environment, working directory and streams; only importing is not repeated.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NoReturn

LOADED = ("tallybrook.entrypoints.cli.main", "tallybrook.wiring.local", "httpx", "duckdb")
"""What most commands load; the rest each loads itself."""
ROOT = Path(__file__).parents[2]
_LONGEST_REQUEST = 1 << 17


class Ended(subprocess.CompletedProcess[bytes]):
    """How a command ended, as ``subprocess.run`` says it."""


def run(argv: Sequence[str], stdin: bytes, env: Mapping[str, str], within_s: float) -> Ended:
    """Run the command line with these arguments to its end.

    Raises ``subprocess.TimeoutExpired`` when that takes too long, after its end.
    """
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        code = _ask(argv, env, (given, out, err), within_s)
        out.seek(0)
        err.seek(0)
        return Ended(list(argv), code, out.read(), err.read())


def _ask(
    argv: Sequence[str], env: Mapping[str, str], streams: Sequence[IO[bytes]], within_s: float
) -> int:
    request = json.dumps([list(argv), dict(env), str(Path.cwd())]).encode()
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            files = [*(stream.fileno() for stream in streams), theirs.fileno()]
            socket.send_fds(_template(os.getpid()), [request], files)
        answers = ours.makefile("r")
        pid = int(answers.readline())
        ours.settimeout(within_s)
        try:
            return os.waitstatus_to_exitcode(int(answers.readline()))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(argv), within_s) from None


@cache
def _template(_owner: int) -> socket.socket:
    """The way to the template process of this one; it ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )
    return ours


def _serve(requests: socket.socket) -> None:
    """Fork for every request, until nobody can ask any more. Those who hand the end of a command
    on are not waited for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, files, _, _ = socket.recv_fds(requests, _LONGEST_REQUEST, 4)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _hand_on(json.loads(message), files)
        for file in files:
            os.close(file)


def _hand_on(asked: tuple[list[str], dict[str, str], str], files: list[int]) -> None:
    """Start the command, tell its process id and then its end; only the command returns."""
    told = socket.socket(fileno=files.pop())
    pid = os.fork()
    if pid == 0:
        told.close()
        _become(*asked, files)
    told.sendall(f"{pid}\n".encode())
    told.sendall(f"{os.waitpid(pid, 0)[1]}\n".encode())
    os._exit(0)


def _become(argv: list[str], env: dict[str, str], folder: str, files: list[int]) -> NoReturn:
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv = ["tallybrook", *argv]
    main = sys.modules[LOADED[0]].main
    sys.exit(main())


if __name__ == "__main__":
    for name in LOADED:
        __import__(name)
    _serve(socket.socket(fileno=int(sys.argv[1])))
