"""An execution environment: the runtime client in its own process, with a bundle as its task."""

import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from bench.lambdas.api import Outcome, RuntimeApi, serving
from bench.lambdas.memory import Watch, watching

RUNTIME = ("awslambdaric", "runtime_client*", "simplejson", "snapshot_restore_py")
"""What Lambda has in /var/runtime beside the interpreter."""

PYTHON: str = getattr(sys, "_base_executable", sys.executable)
"""The interpreter outside of this environment: a child of the function finds nothing either."""

_TIMEOUT_S = 60


class FunctionError(Exception):
    """A function could not be started, failed, or was killed; the text says which and why."""


class Task(Struct, frozen=True):
    """``bundle`` is the folder, ``handler`` the name in it, ``memory_mb`` Lambda's setting."""

    name: str
    bundle: Path
    handler: str
    memory_mb: int
    environment: Mapping[str, str] = {}


class Execution(Struct):
    """A running one. ``init_ms`` is from the start of the process to its first request for work."""

    task: Task
    init_ms: float
    log: Path
    _api: RuntimeApi
    _watch: Watch
    _process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        """The leader of its process group."""
        return self._process.pid

    @property
    def peak_bytes(self) -> int:
        """The most memory it held so far."""
        self._watch.look()
        return self._watch.peak_bytes

    def invoke(self, event: bytes) -> Outcome:
        """One invocation. Raises ``FunctionError`` when it fails, dies or does not come back."""
        outcome = self._api.invoke(event, _TIMEOUT_S, self._lives)
        if outcome is None:
            raise self._error("no answer")
        if not outcome.ok:
            raise self._error(f"{outcome.payload}")
        return outcome

    def _lives(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> None:
        """Return when it asks for work. Raises ``FunctionError`` when it never will."""
        deadline_s = time.monotonic() + _TIMEOUT_S
        while not self._api.ready.wait(0.1):
            if not self._lives() or time.monotonic() > deadline_s:
                raise self._error(f"init: exit code {self._process.poll()}")
        if self._api.init_error is not None:
            raise self._error(f"init: {self._api.init_error}")

    def _error(self, reason: str) -> FunctionError:
        if self._watch.killed:
            used, allowed = self._watch.peak_bytes / 2**20, self.task.memory_mb
            reason = f"killed at {used:.0f} MiB of {allowed}"
        return FunctionError(f"{self.task.name}: {reason}\n{tail(self.log)}")


def runtime_folder(scratch: Path) -> Path:
    """A folder with the runtime client and what it needs, and nothing else of this environment."""
    folder = scratch / "runtime"
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for base in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            for pattern in RUNTIME:
                for source in Path(base).glob(pattern):
                    (folder / source.name).symlink_to(source)
    return folder


@contextmanager
def started(task: Task, scratch: Path) -> Iterator[Execution]:
    """Start the function as Lambda does and wait until it asks for work; end it afterwards.

    Raises ``FunctionError`` when the init phase fails.
    """
    log = scratch / f"{task.name}.log"
    with serving() as api, log.open("ab") as output:
        begun_s = time.monotonic()
        # Not isolated (-I), which would ignore PYTHONPATH; -S keeps site-packages out.
        process = subprocess.Popen(
            [PYTHON, "-S", "-B", "-m", "awslambdaric", task.handler],
            env=_environment(task, api.address, scratch), cwd=task.bundle,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            with watching(process.pid, task.memory_mb << 20) as watch:
                execution = Execution(task, 0.0, log, api, watch, process)
                execution.wait()
                execution.init_ms = (api.ready_s - begun_s) * 1e3
                yield execution
        finally:
            _end(process)


def require_success(task: Task, answer: object) -> None:
    """Raise unless the work was done: what is refused quickly must not look quick."""
    if not isinstance(answer, dict):
        return
    status = answer.get("statusCode", 200)
    if status >= 400 or answer.get("batchItemFailures"):
        raise FunctionError(f"{task.name} answered {str(answer)[:500]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment(task: Task, api: str, scratch: Path) -> dict[str, str]:
    """What a function finds in Lambda. Nothing of this process's environment gets in."""
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": f"{task.bundle}:{runtime_folder(scratch)}",
        "TMPDIR": str(scratch),
        "LAMBDA_TASK_ROOT": str(task.bundle),
        "LAMBDA_RUNTIME_DIR": str(runtime_folder(scratch)),
        "_HANDLER": task.handler,
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_LAMBDA_FUNCTION_NAME": task.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(task.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{task.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        **task.environment,
    }


def tail(log: Path, lines: int = 15) -> str:
    """The end of what the function wrote."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
