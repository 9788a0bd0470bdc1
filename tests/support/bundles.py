"""Function bundles for tests: each made once a test process, for this machine or another."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from infra.bundling import Target, bundle, host

Made = Callable[..., Path]
"""Gives the folder of a function's bundle by its name, and a target that is not this machine.
Nobody may write in it."""


def maker(base: Path) -> Made:
    """Bundles are made in folders below ``base``."""

    @cache
    def made(name: str, target: Target | None = None) -> Path:
        target = target or host()
        return bundle(name, base / str(target), arch=target.arch, python=target.python)

    return made
