"""``python -m tallybrook.entrypoints.worker --data DIR``; started by the supervisor."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tallybrook.entrypoints.lifeline import tie_to_supervisor
from tallybrook.entrypoints.worker.crew import run_all
from tallybrook.errors import TallybrookError, UsageError
from tallybrook.ports.priority import step_back

NICE = 10
"""Below the server, so that flushing never makes collecting wait for the processor."""

_LOOK_EVERY_S = 0.1

_log = logging.getLogger("tallybrook.worker")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the consumers until SIGTERM or SIGINT.

    Exit codes: 0 after a signal, 1 when the consumers cannot be opened, 2 when they never will.
    """
    parser = argparse.ArgumentParser(prog="tallybrook-worker", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data: Path = parser.parse_args(argv).data
    logging.basicConfig(level=logging.INFO, format="tallybrook worker: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        tie_to_supervisor(data)
        step_back(NICE)
        _work(data, stop)
    except TallybrookError as error:
        _log.error("%s", error.detail)
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _work(data: Path, stop: threading.Event) -> None:
    from tallybrook.entrypoints.worker.minding import minding
    from tallybrook.settings import Settings
    from tallybrook.wiring import log_path, open_consumers
    from tallybrook.wiring.workflows import open_clock

    # At the very first start the server is about to make the log: nothing to complain about.
    while not log_path(data).exists() and not stop.wait(_LOOK_EVERY_S):
        pass
    settings = Settings.from_env(data=str(data))
    with (
        open_consumers(data) as opened,
        open_clock(settings) as (waits, due),
        minding(data, waits, due),
    ):
        run_all(opened.consumers, opened.reader, data, stop)


if __name__ == "__main__":
    sys.exit(main())
