"""All consumers of the worker: a thread each, and the status file beside them."""

import threading
from collections.abc import Sequence
from pathlib import Path

from tallybrook.entrypoints.worker.runner import Runner
from tallybrook.entrypoints.worker.standing import Standing, write_standings
from tallybrook.ports.log import LogReader
from tallybrook.ports.log.consumer import Consumer

_STATUS_EVERY_S = 1.0
_HEARTBEAT_EVERY = 5
"""Rounds after which the status file is written even when nothing in it changed."""


def run_all(
    consumers: Sequence[Consumer], reader: LogReader, data: Path, stop: threading.Event
) -> None:
    """Run until ``stop``, then let each consumer take in what the log holds by then.

    ``reader`` must be safe to use from several threads.
    """
    standings = [Standing(consumer.name, consumer.topic) for consumer in consumers]
    runners = [
        Runner(consumer, reader, standing, stop)
        for consumer, standing in zip(consumers, standings, strict=True)
    ]
    threads = [threading.Thread(target=runner.run) for runner in runners]
    for thread in threads:
        thread.start()
    _report(standings, data, stop)
    for thread in threads:
        thread.join()
    write_standings(data, standings)


def _report(standings: Sequence[Standing], data: Path, stop: threading.Event) -> None:
    write_standings(data, standings)
    written, rounds = "", 0
    while not stop.wait(_STATUS_EVERY_S):
        rounds += 1
        if written != repr(standings) or rounds % _HEARTBEAT_EVERY == 0:
            written = repr(standings)
            write_standings(data, standings)
