"""What a demo remembers in its data directory, so that the next run goes on from there."""

import os
import secrets
from pathlib import Path

import msgspec
from msgspec import Struct

from tallybrook.errors import UsageError

_FILE = "demo.json"


class DemoState(Struct):
    """``anchor_us``: the present of the first run, at which the history ends. ``steps``: how many
    live rows were sent. ``key``: the demo's admin key; it opens made-up data on loopback only.
    """

    anchor_us: int
    key: str
    history_loaded: bool = False
    steps: int = 0
    runs: int = 0


def open_state(data: Path, now_us: int, own_key: str | None) -> DemoState:
    """The state of the directory, a fresh one where there is none.

    Raises ``UsageError`` where the directory holds data that is no demo's.
    """
    path = data / _FILE
    if path.exists():
        state = _read(path)
        state.key = own_key or state.key
        return state
    if (data / "log.db").exists():
        raise UsageError(f"{data} holds data that is not the demo's: give another --data")
    return DemoState(now_us, own_key or f"demo_{secrets.token_urlsafe(18)}")


def save_state(data: Path, state: DemoState) -> None:
    """Replace the file whole, readable by its owner alone (it holds the key)."""
    fresh = data / (_FILE + ".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(state))
    fresh.replace(data / _FILE)


def _read(path: Path) -> DemoState:
    try:
        return msgspec.json.decode(path.read_bytes(), type=DemoState)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is damaged ({error}): delete the directory") from error
