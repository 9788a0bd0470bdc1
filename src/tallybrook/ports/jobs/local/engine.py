"""The engine of a data directory: DBOS over SQLite, in a process of its own.

DBOS keeps which steps of a workflow have returned, so that one that was killed goes on behind
them; it retries and waits. It opens no connection: no admin server, no telemetry, no console.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dbos import DBOS, SetWorkflowID
from dbos import error as dbos_error

from tallybrook.errors import TerminalError
from tallybrook.ports.jobs import Started

AT_ONCE = 4

Call = Callable[[str, str, str], object]
"""Of (account, run, step), or of (account, run, error)."""

_log = logging.getLogger("tallybrook.jobs")


class Engine:
    """One a process. ``call`` does a step, ``fail`` ends a run whose step failed for good."""

    def __init__(
        self, path: Path, call: Call, fail: Call, *, retries: int, base_s: float, rate: float
    ) -> None:
        self._call, self._fail = call, fail
        self._retrying = {
            "retries_allowed": retries > 0,
            "max_attempts": retries + 1,
            "interval_seconds": base_s,
            "backoff_rate": rate,
            "should_retry": _may_pass,
        }
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="run")
        self._running: dict[str, Future[None]] = {}
        DBOS(
            config={
                "name": "tallybrook",
                "system_database_url": f"sqlite:///{path.resolve()}",
                "enable_otlp": False,
                "log_level": "ERROR",
                # Runs begun by an older release go on in a newer one.
                "application_version": "1",
                "executor_id": "local",
            }
        )
        self._drive = DBOS.workflow(name="run")(self._workflow())
        DBOS.launch()

    def begin(self, started: Started) -> None:
        """Work off an attempt, unless that is being done; a known one goes on where it was."""
        if started.name not in self._running:
            self._running[started.name] = self._pool.submit(self._follow, started)

    def finished(self) -> list[str]:
        """Names of the attempts that ended since the last call."""
        ended = [name for name, future in self._running.items() if future.done()]
        for name in ended:
            future = self._running.pop(name)
            if (error := future.exception()) is not None:
                _log.error("%s: %s", name, error)
        return ended

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def close(self) -> None:
        """What is under way goes on at the next start."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        DBOS.destroy()

    def _follow(self, started: Started) -> None:
        with SetWorkflowID(started.name):
            handle = DBOS.start_workflow(
                self._drive, started.account_id, started.run_id, list(started.steps)
            )
        handle.get_result(polling_interval_sec=0.2)
        DBOS.delete_workflow(started.name)

    def _workflow(self) -> Callable[[str, str, list[str]], None]:
        call, fail, retrying = self._call, self._fail, self._retrying

        def run(account_id: str, run_id: str, steps: list[str]) -> None:
            for step in steps:
                options: Any = {"name": step, **retrying}
                try:
                    DBOS.run_step(options, call, account_id, run_id, step)
                except (TerminalError, dbos_error.DBOSMaxStepRetriesExceeded) as error:
                    again: Any = {"name": "fail", **retrying}
                    DBOS.run_step(again, fail, account_id, run_id, _said(error))
                    return

        return run


def _may_pass(error: BaseException) -> bool:
    return not isinstance(error, TerminalError)


def _said(error: Exception) -> str:
    if isinstance(error, dbos_error.DBOSMaxStepRetriesExceeded):
        errors = getattr(error, "errors", None) or [error]
        return str(errors[-1])
    return str(error)
