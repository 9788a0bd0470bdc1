"""Function bundles for tests: each made once a test run, for this machine or another."""

import fcntl
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
import pytest

from infra.bundling import Target, bundle, function, host
from infra.bundling.loading import Loaded, loaded

Made = Callable[..., Path]
"""Gives the folder of a function's bundle by its name, and a target that is not this machine.
Nobody may write in it."""


def shared_bundles(factory: pytest.TempPathFactory) -> Made:
    """Bundles in a folder of the whole run: whichever worker comes first makes one, the others
    wait for it. pytest removes them."""
    base = _of_the_run(factory)

    @cache
    def made(name: str, target: Target | None = None) -> Path:
        target = target or host()
        out = base / str(target)
        with (base / f"{target}-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = base / f"{target}-{name}.done"
            if not done.exists():
                bundle(name, out, arch=target.arch, python=target.python)
                done.touch()
        return out / name

    return made


def shared_loads(factory: pytest.TempPathFactory) -> Callable[[str], Loaded]:
    """What importing each handler from its bundle alone loads, also found once a run."""
    base, made = _of_the_run(factory), shared_bundles(factory)

    @cache
    def loads(name: str) -> Loaded:
        folder = made(name)
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            file = base / f"{name}.loads.json"
            if not file.exists():
                file.write_bytes(msgspec.json.encode(loaded(function(name).module, folder)))
            return msgspec.json.decode(file.read_bytes(), type=Loaded)

    return loads


def _of_the_run(factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a run have in common."""
    mine = factory.getbasetemp()
    base = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "bundles"
    base.mkdir(exist_ok=True)
    return base
