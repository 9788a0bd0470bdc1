"""What the tests of forwarding share: events, rules, sinks in memory."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from tallybrook.errors import RetryableError
from tallybrook.events.model import Event
from tallybrook.forwarding.library import load
from tallybrook.forwarding.pinpoint import Rules, rules_of
from tallybrook.forwarding.table import Limits
from tallybrook.ports.log import Chunk
from tallybrook.ports.sinks import Item, Refusal
from tallybrook.privacy.keys import key_of
from tallybrook.privacy.pseudonyms import person

NOW_US = 1_768_478_400_000_000
"""2026-01-15T12:00:00Z"""

KEY = key_of("a secret of the installation, long enough")
NO_LIMITS = Limits(0, 0, 0)


def name_of(account_id: str, user: str) -> str:
    """What users are called here: everybody has the same random secret."""
    return person(KEY, bytes(32), account_id, user).anonymous_user_id


def rules(**changes: Any) -> Rules:
    """The built-in table with changes."""
    return rules_of(msgspec.structs.replace(load(), **changes), name_of)


def event(
    properties: Mapping[str, Any] | bytes | None = None,
    event_type: str = "assessment.completed",
    event_id: str = "e1",
    user_id: str | None = "ada",
    **more: Any,
) -> Event:
    raw = properties if isinstance(properties, bytes) else msgspec.json.encode(properties)
    return Event(
        0, event_id, event_type, more.pop("timestamp", NOW_US - 5_000_000), NOW_US,
        more.pop("account_id", "acme"), "event", user_id=user_id,
        properties=UNSET if properties is None else Raw(raw), **more,
    )  # fmt: skip


def item(number: int, key: str = "k", **more: Any) -> Item:
    made: dict[str, Any] = {
        "event_id": f"{number:032x}", "app": "acme", "endpoint": f"end-{key}", "order_key": key,
        "event_type": "view", "at_us": NOW_US + number, "arrived_us": NOW_US,
        "attributes": {"n": str(number)}, "metrics": {"attr_n": number},
    }  # fmt: skip
    return Item(**made | more)


def chunk(first_seq: int, events: Sequence[Event | bytes]) -> Chunk:
    """Events, or lines that are none, as the log hands them over."""
    lines = [one if isinstance(one, bytes) else msgspec.json.encode(one) for one in events]
    return Chunk(first_seq, len(lines), NOW_US, b"\n".join(lines) + b"\n")


class MemorySink:
    """``ports.sinks.Sink`` that refuses types named ``refused``, and fails so many times."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.sizes: list[int] = []
        self.fail = 0

    def send(self, items: Sequence[Item]) -> list[Refusal]:
        if self.fail:
            self.fail -= 1
            raise RetryableError("away")
        self.sizes.append(len(items))
        refused = [n for n, one in enumerate(items) if one.event_type == "refused"]
        self.items += [one for n, one in enumerate(items) if n not in refused]
        return [Refusal(n, "refused", "not that one") for n in refused]

    def close(self) -> None:
        pass


class MemoryMarks:
    """``ports.sinks.Marks``."""

    def __init__(self) -> None:
        self.mark: bytes | None = None

    def read(self) -> bytes | None:
        return self.mark

    def write(self, mark: bytes) -> None:
        self.mark = mark
