"""Which modules a handler really loads: it is imported in an interpreter of its own."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import msgspec
from msgspec import Struct

from infra.bundling.errors import BundlingError
from infra.bundling.functions import HOST_ENVIRONMENT

_RECORD = """
import importlib, json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
module, folders = json.loads(sys.argv[1])
sys.path[:0] = folders
before = len(sys.modules)
def tell():
    files = {n: getattr(m, "__file__", None) for n, m in sys.modules.items()}
    count = len(sys.modules) - before
    print(json.dumps({"count": count, "files": files}), file=answers, flush=True)
importlib.import_module(module)
runtime = sys.modules.get("tallybrook.entrypoints.lambdas.runtime")
if runtime:
    runtime.opened()
tell()
for name in json.loads(sys.stdin.readline()):
    importlib.import_module(name)
tell()
os._exit(0)  # taking the interpreter apart takes as long as a quarter of this
"""


class Loaded(Struct):
    """What importing a module loaded: how many modules, and the file of each that has one."""

    count: int
    files: dict[str, str | None]


def _nothing(_: Loaded) -> Iterable[str]:
    return ()


def loaded(
    module: str,
    *folders: Path,
    also: Callable[[Loaded], Iterable[str]] = _nothing,
    bytecode: Path | None = None,
) -> Loaded:
    """Import a handler's module with these folders and the standard library only; nothing is
    installed for it to find. What it opens at its first invocation is opened, without a call to
    any service. Then the modules are imported that ``also`` names when it sees what was loaded up
    to there. Nothing is written beside what is imported; with ``bytecode`` that folder keeps what
    was compiled, for the next one to import. Raises ``BundlingError`` when an import fails."""
    keeping = ["-X", f"pycache_prefix={bytecode}"] if bytecode else ["-B"]
    given = json.dumps([module, [str(folder) for folder in folders]])
    with (
        TemporaryFile("w+") as said,
        subprocess.Popen(
            [sys.executable, "-I", "-S", *keeping, "-c", _RECORD, given],
            env=HOST_ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            text=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        first = _answer(module, process.stdout, said)
        process.stdin.write(f"{json.dumps(sorted(also(first)))}\n")
        process.stdin.flush()
        return _answer(module, process.stdout, said)


def _answer(module: str, answers: IO[str], said: IO[str]) -> Loaded:
    """The next of its answers; one that ended without has said why."""
    line = answers.readline()
    if not line:
        said.seek(0)
        raise BundlingError(f"{module} cannot be imported:\n{said.read().strip()}")
    return msgspec.json.decode(line, type=Loaded)
