"""What a function needs and our own bytecode, made once for one state of the sources.

Finding out means importing the handler in a fresh interpreter; a deployment and its tests
ask for the same answer many times.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

from infra.bundling.closure import SOURCE
from infra.bundling.target import host
from infra.bundling.wheels import LOCK, ROOT, renamed

KEPT = ROOT / "build" / "contents"
_OLD_S = 86_400

Found = TypeVar("Found")


def remembered(name: str, kind: type[Found], find: Callable[[], Found]) -> Found:
    """What ``find`` gave for this name and these sources, asked once and kept in ``build``.

    Processes that ask at the same time may each find it; they find the same.
    """
    folder = KEPT / _state()
    file = folder / f"{name}.json"
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=kind)
    found = find()
    _forget_old()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(msgspec.json.encode(found, order="deterministic"))
    fresh.rename(file)
    return found


def sources() -> Path:
    """A copy of our source for bytecode to be kept beside; made when it is not there."""
    folder = KEPT / _state() / "src"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
        try:
            shutil.copytree(SOURCE, fresh / "src", ignore=shutil.ignore_patterns("__pycache__"))
            renamed(fresh / "src", folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


@cache
def _state() -> str:
    """A digest of everything the answer depends on, as it was when this process first asked."""
    total = hashlib.sha256(f"{host()}\0".encode())
    sources = [LOCK, *Path(__file__).parent.glob("*.py"), *SOURCE.rglob("*")]
    for file in sorted(sources):
        if file.is_file() and file.suffix != ".pyc":
            total.update(f"{file}\0".encode())
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]


def _forget_old() -> None:
    """Those of sources that another process may be working with now are left."""
    for folder in KEPT.glob("*"):
        if time.time() - folder.stat().st_mtime > _OLD_S:
            shutil.rmtree(folder, ignore_errors=True)
