"""Where consumers stand, written to ``DATA/consumers.json`` for the server to show.

The file is for people and metrics alone. What a consumer has really taken in, it keeps together
with its effects; losing this file loses nothing.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from tallybrook.events.instants import format_instant

FILE = "consumers.json"

Status = Literal["starting", "ok", "retrying", "failing", "stopped"]


class Standing(Struct):
    """One consumer. ``seen`` is the sequence number up to which nothing of its topic is missing:
    the position, or beyond it where only other topics follow; lag is the log's head minus it.

    ``status``: ``retrying`` after an error that may pass, ``failing`` after one nobody foresaw;
    both go on trying. ``entries`` counts what this process took in.
    """

    name: str
    topic: str
    position: int = 0
    seen: int = 0
    status: Status = "starting"
    tries: int = 0
    entries: int = 0
    last_error: str | None = None
    last_error_at: str | None = None


class Standings(Struct):
    """The file. It is written at least every 5 s: an older ``updated_at`` tells of a dead worker.

    Instants are RFC 3339 text.
    """

    updated_at: str
    pid: int
    consumers: list[Standing]


def write_standings(data: Path, standings: Sequence[Standing]) -> None:
    """Replace the file whole, so that a reader never sees half of it."""
    body = Standings(now_text(), os.getpid(), list(standings))
    fresh = data / (FILE + ".new")
    fresh.write_bytes(msgspec.json.encode(body))
    fresh.replace(data / FILE)


def read_standings(data: Path) -> Standings | None:
    """What the worker last wrote, None before it ever did."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=Standings)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def now_text() -> str:
    return format_instant(time.time_ns() // 1000)
