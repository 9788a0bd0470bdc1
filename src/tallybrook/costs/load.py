"""A load: what is sent to a stack in a day, evenly, by HTTP. Pure."""

import math

from msgspec import Struct

from tallybrook.costs.checking import require_amount
from tallybrook.errors import UsageError

MAX_BATCH = 500
MAX_LINE_BYTES = 380_000
DAY_S = 86_400
WINDOW_S = 1
"""As the stack is."""

MAX_WINDOW_S = 300
"""What Lambda takes."""


class Load(Struct, frozen=True, kw_only=True):
    """``batch`` events come in one request. ``ids`` is how many of ``user_id`` and
    ``anonymous_id`` an event has on average; ``series`` is how many event types there are.
    ``window_s`` is how long the stack waits for more events before it numbers those it has."""

    events_per_day: float
    batch: int = 1
    event_bytes: int = 450
    ids: float = 1
    series: int = 5
    window_s: float = WINDOW_S

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for a load that cannot be."""
        require_amount("events_per_day", self.events_per_day)
        require_amount("batch", self.batch, 1)
        require_amount("event_bytes", self.event_bytes, 1)
        require_amount("ids", self.ids)
        require_amount("series", self.series, 1)
        require_amount("window_s", self.window_s)
        if self.batch > MAX_BATCH:
            raise UsageError(f"batch must be at most {MAX_BATCH} events")
        if self.window_s > MAX_WINDOW_S:
            raise UsageError(f"window_s must be at most {MAX_WINDOW_S} s")
        if self.event_bytes > MAX_LINE_BYTES or self.ids > 2:
            raise UsageError(f"an event has at most {MAX_LINE_BYTES} bytes and 2 ids")

    @property
    def requests_per_day(self) -> float:
        return self.events_per_day / self.batch


def distinct(kinds: int, drawn: float) -> float:
    """How many different ones of so many equally likely kinds are among those drawn."""
    return kinds * (1 - (1 - 1 / kinds) ** drawn) if kinds > 1 else min(1.0, drawn)


def some(rate: float, span: float) -> float:
    """How likely it is that anything happens in a span, at a rate of that unit."""
    return 1 - math.exp(-rate * span)
