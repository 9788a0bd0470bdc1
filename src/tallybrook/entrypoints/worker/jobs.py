"""``python -m tallybrook.entrypoints.worker.jobs --data DIR``: works off runs, then ends.

The worker starts it when something waits. Killed at any instruction it is started again, and goes
on where it stopped.
"""

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tallybrook.entrypoints.lifeline import end_with_parent
from tallybrook.errors import TallybrookError
from tallybrook.settings import Settings

if TYPE_CHECKING:
    from tallybrook.ports.jobs.local import LocalJobs

LINGER_S = 5.0
"""How long it stays when nothing is left to do: starting costs a second."""

_LOOK_EVERY_S = 0.1
_log = logging.getLogger("tallybrook.jobs")


def main(argv: Sequence[str] | None = None) -> int:
    """Work until nothing waits, or SIGTERM; 1 when the data directory cannot be opened."""
    parser = argparse.ArgumentParser(prog="tallybrook-jobs", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--linger", type=float, default=LINGER_S)
    given = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="tallybrook jobs: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end_with_parent()
    try:
        work_off(Settings.from_env(data=str(given.data)), stop, given.linger)
    except TallybrookError as error:
        _log.error("%s", error.detail)
        return 1
    return 0


def work_off(settings: Settings, stop: threading.Event, linger_s: float) -> None:
    """Begin what waits and let it go when it has ended, until nothing has waited for a while."""
    from tallybrook.wiring.workflows import open_engine

    with open_engine(settings) as (engine, jobs):
        quiet_since = time.monotonic()
        while not stop.wait(_LOOK_EVERY_S):
            for started in jobs.waiting():
                engine.begin(started)
            _let_go(jobs, set(engine.finished()))
            if engine.busy:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= linger_s:
                return


def _let_go(jobs: "LocalJobs", ended: set[str]) -> None:
    if ended:
        for started in jobs.waiting():
            if started.name in ended:
                jobs.done(started)


if __name__ == "__main__":
    sys.exit(main())
