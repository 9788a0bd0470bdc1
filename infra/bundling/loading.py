"""Which modules a handler really loads: it is imported in an interpreter of its own."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from infra.bundling.errors import BundlingError
from infra.bundling.functions import HOST_ENVIRONMENT

_RECORD = """
import importlib, json, sys
module, also, folders = json.loads(sys.argv[1])
sys.path[:0] = folders
before = len(sys.modules)
importlib.import_module(module)
runtime = sys.modules.get("tallybrook.entrypoints.lambdas.runtime")
if runtime:
    runtime.opened()
for name in also:
    importlib.import_module(name)
files = {n: getattr(m, "__file__", None) for n, m in sys.modules.items()}
print(json.dumps({"count": len(sys.modules) - before, "files": files}))
"""


class Loaded(Struct):
    """What importing a module loaded: how many modules, and the file of each that has one."""

    count: int
    files: dict[str, str | None]


def loaded(module: str, *folders: Path, also: Iterable[str] = ()) -> Loaded:
    """Import a handler's module with these folders and the standard library only; nothing is
    installed for it to find. What it opens at its first invocation is opened, without a call to
    any service, and the modules ``also`` are imported. Raises ``BundlingError`` when that fails."""
    given = json.dumps([module, sorted(also), [str(folder) for folder in folders]])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", _RECORD, given],
        env=HOST_ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise BundlingError(f"{module} cannot be imported:\n{done.stderr.strip()}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return Loaded(**answer)
