"""Function bundles for tests: each made once a test process, for this machine."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from infra.bundling import Target, bundle, host


@cache
def _folder(target: Target) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"bundles-{target}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def made(name: str, target: Target | None = None) -> Path:
    """The folder of a function's bundle; nobody may write in it."""
    target = target or host()
    return bundle(name, _folder(target), arch=target.arch, python=target.python)
