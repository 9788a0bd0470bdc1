"""The floor of HTTP on this machine: nginx answering the same POST with an empty 202."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from bench import machine
from bench.product import wait_for
from bench.row import Skipped

_CONF = """
worker_processes 1;
daemon off;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_buffer_size 256k;
    client_max_body_size 8m;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{ return 202; }}
    }}
}}
"""


class Rival(Struct):
    """Something that listens: its port, and the processes that do the work."""

    port: int
    pids: list[int]


@contextmanager
def nginx(scratch: Path) -> Iterator[Rival]:
    """One worker on the server's core. Raises ``Skipped`` where nginx is not installed."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        raise Skipped("nginx is not installed")
    prefix, port = scratch / "nginx", free_port()
    prefix.mkdir(exist_ok=True)
    conf = prefix / "nginx.conf"
    conf.write_text(_CONF.format(prefix=prefix, port=port))
    process = subprocess.Popen(
        [found, "-p", str(prefix), "-c", str(conf), "-e", str(prefix / "error.log")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with ended(process):
        wait_for(lambda: answers(port), 10, "nginx")
        workers = machine.tree(process.pid)
        machine.pin(workers, [machine.SERVER_CORE])
        yield Rival(port, workers)


@contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Terminate the process when the block is left."""
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
