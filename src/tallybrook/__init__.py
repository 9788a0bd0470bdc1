"""Tallybrook: analytics that a small team owns.

``Client``, ``AsyncClient`` and ``event_builders`` are loaded when they are first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tallybrook.client import AsyncClient as AsyncClient
    from tallybrook.client import Client as Client
    from tallybrook.client import event_builders as event_builders

__version__ = "0.1.0"

_OF_CLIENT = ("AsyncClient", "Client", "event_builders")


def __getattr__(name: str) -> Any:
    if name in _OF_CLIENT:
        from importlib import import_module

        return getattr(import_module("tallybrook.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_OF_CLIENT]
