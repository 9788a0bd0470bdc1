"""What a child made by ``fork`` must not share with its parent: connections, locks, threads."""

import os
import weakref
from typing import Any, Protocol


class Forked(Protocol):
    def after_fork(self) -> None:
        """Called in the child before anything else of it runs."""


_known: "weakref.WeakSet[Any]" = weakref.WeakSet()
_abandoned: list[object] = []


def tell_after_fork(one: Forked) -> None:
    """Have ``one`` told in every child, for as long as it lives."""
    _known.add(one)


def abandon(one: object) -> None:
    """Keep what is the parent's from being closed here: that would reach the parent's, too."""
    _abandoned.append(one)


def _in_child() -> None:
    for one in list(_known):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
