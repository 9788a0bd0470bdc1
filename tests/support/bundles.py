"""Function bundles for tests: each made once a test run, for this machine or another."""

import fcntl
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from infra.bundling import Target, bundle, host

Made = Callable[..., Path]
"""Gives the folder of a function's bundle by its name, and a target that is not this machine.
Nobody may write in it."""


def shared_bundles(factory: pytest.TempPathFactory) -> Made:
    """Bundles in a folder of the whole run: whichever worker comes first makes one, the others
    wait for it. pytest removes them."""
    mine = factory.getbasetemp()
    base = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "bundles"
    base.mkdir(exist_ok=True)

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
