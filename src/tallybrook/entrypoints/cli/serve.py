"""``tallybrook serve``: the product on one machine."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

EXAMPLES = """Examples:
  tallybrook serve
  tallybrook serve --port 9000 --data /var/lib/tallybrook
  TALLYBROOK_ADMIN_KEY=... tallybrook serve --host 0.0.0.0

The first start makes an admin key and shows it once, unless
TALLYBROOK_ADMIN_KEY sets it. What is not given here comes from
TALLYBROOK_HOST, TALLYBROOK_PORT, TALLYBROOK_DATA."""


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    worker: Annotated[bool, Parameter(negative="--no-worker")] = True,
) -> None:
    """Run the product: HTTP, live page, counters and SQL, until Ctrl-C or SIGTERM.

    Stopping drains: requests in flight are answered, what was acknowledged is on disk.

    Parameters
    ----------
    host
        The address to listen on (127.0.0.1). Off this machine only with authentication on.
    port
        The port to listen on (8090); 0 takes any free one.
    data
        The directory that holds everything (./tallybrook-data); made if it is not there.
    worker
        Run the lake and the indexes (--no-worker: collecting and counting alone).
    """
    from tallybrook.entrypoints.cli.serving import run
    from tallybrook.settings import Settings

    settings = Settings.from_env(host=host, port=port, data=str(data) if data else None)
    run(settings, worker=worker)
