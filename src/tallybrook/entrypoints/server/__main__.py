"""``python -m tallybrook.entrypoints.server``: the server process; the supervisor starts it."""

import argparse
import asyncio
import gc
import logging
import socket
import sys

import uvicorn
import uvloop

from tallybrook.entrypoints.lifeline import tie_to_supervisor
from tallybrook.entrypoints.server.app import Server
from tallybrook.entrypoints.server.hot import protocol_for
from tallybrook.errors import TallybrookError, UsageError
from tallybrook.settings import Settings

SWITCH_S = 0.0005
"""How long a thread may keep the interpreter: the committer must not wait for a busy loop."""


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; 1 when the data directory cannot be opened, 2 when it never will."""
    parser = argparse.ArgumentParser(prog="tallybrook-server", description=__doc__)
    parser.add_argument("--data", help="data directory")
    parser.add_argument("--fd", type=int, help="a listening socket to take over")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    given = parser.parse_args(argv)
    logging.basicConfig(format="tallybrook server: %(levelname)s %(message)s")
    try:
        settings = Settings.from_env(data=given.data, host=given.host, port=given.port)
        _run(settings, given.fd)
    except TallybrookError as error:
        logging.getLogger("tallybrook").error("%s", error.detail)
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _run(settings: Settings, fd: int | None) -> None:
    try:
        logging.getLogger().setLevel(settings.log_level.upper())
    except ValueError:
        raise UsageError(f"log_level: no level {settings.log_level!r}") from None
    sys.setswitchinterval(SWITCH_S)
    settings.data_path.mkdir(parents=True, exist_ok=True)
    tie_to_supervisor(settings.data_path)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, fd))


def settle_memory() -> None:
    """What lives as long as the process need not be looked through again for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def serve(settings: Settings, fd: int | None) -> None:
    """Run the server on a socket, the supervisor's or one of its own."""
    server = Server(settings, on_start=lambda _context: settle_memory())
    config = uvicorn.Config(
        server.app,
        host=settings.host,
        port=settings.port,
        http=protocol_for(lambda: server.running),
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        timeout_graceful_shutdown=int(settings.drain_s),
        timeout_keep_alive=75,
        server_header=False,
        date_header=True,
    )
    sockets = [socket.socket(fileno=fd)] if fd is not None else None
    await uvicorn.Server(config).serve(sockets=sockets)


if __name__ == "__main__":
    sys.exit(main())
