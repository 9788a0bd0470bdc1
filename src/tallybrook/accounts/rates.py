"""How much a key may send: a token bucket a key. Pure but for the time it is given."""

import math

from tallybrook.errors import RateLimitedError


class TokenBucket:
    """Lets ``rate`` items a second through, with a burst of ``burst`` (default: two seconds).

    An item heavier than the whole burst passes when the bucket is full, and is then owed.
    """

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self.rate = rate
        self.burst = burst if burst is not None else max(1.0, 2 * rate)
        self._level = self.burst
        self._at_s = -math.inf

    def take(self, items: float, now_s: float) -> None:
        """Take ``items``, or raise ``RateLimitedError`` with the time until it would work.

        ``now_s`` is monotonic seconds.
        """
        if self._at_s != -math.inf:
            elapsed = max(0.0, now_s - self._at_s)
            self._level = min(self.burst, self._level + elapsed * self.rate)
        self._at_s = now_s
        needed = min(items, self.burst)
        if self._level < needed:
            wait_s = (needed - self._level) / self.rate
            raise RateLimitedError(
                f"over the key's rate of {self.rate:g} a second", max(1, math.ceil(wait_s))
            )
        self._level -= items
