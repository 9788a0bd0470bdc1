"""``tallybrook demo``: live numbers from real data."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

EXAMPLES = """Examples:
  tallybrook demo
  tallybrook demo --speed 5 --port 9000

A second run goes on with the data of the first; delete the directory to start anew."""


def demo(
    *,
    data: Annotated[Path, Parameter(name="--data", help="The demo's data directory.")] = Path(
        "demo-data"
    ),
    port: int = 8090,
    speed: float = 1.0,
    exit_after: float | None = None,
) -> int:
    """Show the product with real shop events and flights: history first, then live.

    Parameters
    ----------
    port
        The port to listen on; the next free one when it is taken.
    speed
        How many times the usual pace (some seven events a second) the live events come.
    exit_after
        Stop so many seconds after the history is loaded; else Ctrl-C stops.
    """
    from tallybrook.entrypoints.cli.showing import run

    return run(data, port, speed=speed, exit_after_s=exit_after)
